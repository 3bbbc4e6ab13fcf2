//! What AWS leaves open, or leaves to the model and its container. Each default is what AWS documents, where it does, and
//! otherwise the likelier or the worse of what users report.

use std::time::Duration;

/// One way in which AWS, the endpoint and its container may behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    /// `MaxConcurrentInvocationsPerInstance`. Where it isn't set "SageMaker chooses an optimal value", which nobody knows;
    /// 1 is an assumption.
    pub concurrency: usize,
    /// From the scaling action to an instance that serves. Application Auto Scaling's log of one activity shows 426 s; 3
    /// to 15 minutes are reported.
    pub starting: Duration,
    /// From the order to let instances go to an endpoint that is `InService` again. AWS stops the container for up to half
    /// a minute of it.
    pub stopping: Duration,
    /// From the end of a minute to the alarms' look at its datapoint. CloudWatch promises nothing; a request that waited
    /// 207 s for an alarm of two datapoints fits 90 s.
    pub metric_delay: Duration,
    /// How long a request on an instance that goes may still run: "The command sends the SIGTERM signal, then it sends the
    /// SIGKILL signal thirty seconds later" (<https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html>).
    /// A container that ends at once on SIGTERM has none.
    pub grace: Duration,
    pub sampling: Sampling,
    pub at_zero: AtZero,
    /// AWS says that it does ("currently being processed or yet to be processed"); a production user says that it doesn't.
    pub backlog_counts_in_flight: bool,
    /// Whether the instance has a GPU, whose use is a metric then.
    pub has_gpu: bool,
    pub cpu_samples: CpuSamples,
    /// `RequestTTLSeconds`; without it requests wait for ever. AWS's default is six hours.
    pub time_to_live: Option<Duration>,
    /// Orders that lead to more instances than this are refused whole (an account's quota, or a lack of capacity).
    pub quota: Option<usize>,
    /// How long an order that is refused keeps the endpoint `Updating`. A quota fails at once; a lack of capacity was seen
    /// to last for 34 minutes.
    pub refused_after: Duration,
    pub low_alarm: LowAlarm,
    pub repeated: Repeated,
    pub contest: Contest,
    pub leaving: Leaving,
}

impl Default for World {
    fn default() -> Self {
        Self {
            concurrency: 1,
            starting: Duration::from_mins(7),
            stopping: Duration::from_secs(30),
            metric_delay: Duration::from_secs(90),
            grace: Duration::from_secs(30),
            sampling: Sampling::Once,
            at_zero: AtZero::All,
            backlog_counts_in_flight: true,
            has_gpu: false,
            cpu_samples: CpuSamples::OnePerInstance,
            time_to_live: Some(Duration::from_hours(6)),
            quota: None,
            refused_after: Duration::ZERO,
            low_alarm: LowAlarm::FifteenMinutes,
            repeated: Repeated::Newest,
            contest: Contest::Largest,
            leaving: Leaving::Busiest,
        }
    }
}

/// How often SageMaker looks at the queue for the datapoint of a minute. AWS doesn't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// At the end of the minute; what comes and goes in between is never seen.
    Once,
    /// All the time: an average over the time of the minute, and its true maximum.
    Continuous,
}

/// Which metrics of the queue there are while no instance runs. `HasBacklogWithoutCapacity` always is; for the others
/// reports differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtZero {
    /// All, the backlog per instance as if there were one. It fits AWS's words that target tracking starts from zero "after
    /// the number of backlog requests exceeds the target tracking value".
    All,
    WithoutPerInstance,
    /// Neither the backlog nor its age.
    Nothing,
}

/// The `SampleCount` of `CPUUtilization`: it "should be equal to the number of active instances" for a minute
/// (<https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-troubleshooting.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CpuSamples {
    OnePerInstance,
    /// As with `MetricPublishFrequencyInSeconds` = 10, which the endpoint tells.
    SixPerInstance,
    /// However many instances run.
    One,
    Missing,
}

/// The alarm of target tracking for scaling in, which AWS makes and doesn't document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LowAlarm {
    /// Most reports (<https://github.com/aws/copilot-cli/issues/3376>).
    FifteenMinutes,
    /// Also seen, for a customized metric (<https://github.com/hashicorp/terraform-provider-aws/issues/42553>).
    ThreeMinutes,
}

/// Which datapoints the action of an alarm goes by that is repeated while the alarm stays in ALARM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    Newest,
    /// Those with which the alarm went into ALARM.
    OfTheTransition,
}

/// What becomes of several policies that ask for something at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contest {
    /// The largest capacity wins, as AWS says, also where it is refused then.
    Largest,
    /// Each asks for itself, and the first that SageMaker accepts keeps the others out.
    EachInTurn,
}

/// Which instances go. AWS doesn't say, and nobody can choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// The worst that can come of it.
    Busiest,
    Idlest,
}
