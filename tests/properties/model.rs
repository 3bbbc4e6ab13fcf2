//! A reference model of an account: one endpoint, and what Application Auto Scaling and CloudWatch hold for it. It
//! refuses what AWS refuses, and hands out a fresh id with every policy that is created, as AWS does with ARNs.

use std::collections::BTreeMap;

use jiff::Timestamp;

use sagemaker_scale_to_zero::reconcile::{
    Alarm, AlarmKind, Change, Decision, Endpoint, EndpointName, EndpointStatus, Facts, FindingCode, Foreign,
    ForeignKind, Hosting, Inference, PolicyName, PolicyType, Readings, Removal, Request, Rules, ScalableTarget,
    Scaling, ScalingPolicy, ScheduledAction, Tagged, Tags, TargetTracking, Variant, VariantName, decide, explain,
};

pub(crate) fn endpoint_name() -> EndpointName {
    EndpointName::new("demo").unwrap()
}

pub(crate) fn variant_name(name: &str) -> VariantName {
    VariantName::new(name).unwrap()
}

pub(crate) fn variant(name: &str, instances: i32) -> Variant {
    Variant {
        name: variant_name(name),
        current_instances: Some(instances),
        desired_instances: Some(instances),
        hosting: Hosting::Instances,
        instance_type: Some("ml.g5.xlarge".to_owned()),
        publish_frequency: None,
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    pub(crate) id: u32,
    pub(crate) content: PolicyContent,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PolicyContent {
    Known(ScalingPolicy),
    /// Something that the function would not write, under its own name or another's.
    Other(PolicyType),
}

/// An alarm, and the id of the policy that it drives, whether that still exists or not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DrivenAlarm {
    pub(crate) alarm: Alarm,
    pub(crate) drives: u32,
}

/// A scheduled action as we would write it, or something else: another's, or edited by hand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    Known(ScheduledAction),
    Other,
}

/// What hangs on one variant's name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Resources {
    pub(crate) target: Option<ScalableTarget>,
    pub(crate) policies: BTreeMap<String, Policy>,
    pub(crate) actions: BTreeMap<String, Action>,
    pub(crate) alarms: BTreeMap<AlarmKind, DrivenAlarm>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Account {
    /// What the deployment sets.
    pub(crate) rules: Rules,
    /// The live variant and how many instances it runs; `None` when the endpoint doesn't exist.
    pub(crate) endpoint: Option<(VariantName, i32)>,
    /// A second live variant, as long as there is an endpoint.
    pub(crate) beside: Option<(VariantName, i32)>,
    /// As many instances are ordered for the first variant as haven't come, or gone, yet.
    pub(crate) ordered: Option<i32>,
    pub(crate) updating: bool,
    /// AWS has no capacity: an order for more instances is taken, and comes to nothing.
    pub(crate) starts_fail: bool,
    pub(crate) tags: Tags,
    pub(crate) resources: BTreeMap<VariantName, Resources>,
    pub(crate) now: Timestamp,
    next_id: u32,
}

impl Account {
    pub(crate) fn with_endpoint(variant: &str, instances: i32, tags: Tags) -> Self {
        Self {
            rules: Rules::default(),
            endpoint: Some((variant_name(variant), instances)),
            beside: None,
            ordered: None,
            updating: false,
            starts_fail: false,
            tags,
            resources: BTreeMap::new(),
            now: Timestamp::UNIX_EPOCH,
            next_id: 1,
        }
    }

    pub(crate) fn fresh_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    /// The live variants and how many instances they run.
    pub(crate) fn live(&self) -> Vec<(VariantName, i32)> {
        let beside = self.beside.iter().filter(|_| self.endpoint.is_some());
        self.endpoint.iter().chain(beside).cloned().collect()
    }

    /// The instances that are on their way come, or go.
    pub(crate) fn arrive(&mut self) {
        if let (Some((_, running)), Some(ordered)) = (&mut self.endpoint, self.ordered.take()) {
            *running = ordered;
        }
    }

    pub(crate) fn observed_endpoint(&self) -> Option<Endpoint> {
        self.endpoint.as_ref()?;
        let mut variants: Vec<Variant> =
            self.live().iter().map(|(name, instances)| variant(name.as_str(), *instances)).collect();
        variants[0].desired_instances = self.ordered.or(variants[0].current_instances);
        Some(Endpoint {
            name: endpoint_name(),
            status: if self.updating { EndpointStatus::Other } else { EndpointStatus::InService },
            failure_reason: None,
            inference: Inference::Asynchronous,
            variants,
            tags: self.tags.clone(),
        })
    }

    pub(crate) fn observed(&self, variant: &VariantName) -> Scaling {
        self.resources.get(variant).map(Resources::observed).unwrap_or_default()
    }

    pub(crate) fn observed_scaling(&self) -> BTreeMap<VariantName, Scaling> {
        let live = self.live().into_iter().map(|(variant, _)| variant);
        let names = live.chain(self.resources.keys().cloned());
        names.map(|variant| (variant.clone(), self.observed(&variant))).collect()
    }

    pub(crate) fn decide(&self, request: Request) -> Decision {
        decide(request, &self.rules, self.observed_endpoint().as_ref(), &self.observed_scaling(), self.now)
    }

    /// The codes of the findings, with nothing read beside what a decision needs.
    pub(crate) fn explain(&self, decision: &Decision) -> Vec<FindingCode> {
        let rules = &self.rules;
        let (endpoint, scaling, readings) = (self.observed_endpoint(), self.observed_scaling(), Readings::default());
        let (endpoint, scaling, readings) = (endpoint.as_ref(), &scaling, &readings);
        let facts = Facts { rules, endpoint, status: Some("InService"), scaling, decision, readings, now: self.now };
        explain(&facts).into_iter().map(|finding| finding.code).collect()
    }

    /// One invocation, of which only the first `calls` writes succeed. Checks `check` before and after every write.
    pub(crate) fn invoke(&mut self, request: Request, calls: usize, check: impl Fn(&Self, &Change)) -> Decision {
        let decision = self.decide(request);
        let writes: Vec<(VariantName, Change)> = decision
            .plans()
            .iter()
            .flat_map(|plan| plan.changes.iter().map(|change| (plan.variant.clone(), change.clone())))
            .collect();
        for (variant, change) in writes.into_iter().take(calls) {
            if let Err(refusal) = self.make(&variant, &change) {
                panic!("AWS refuses {change:?}: {refusal}");
            }
            check(self, &change);
        }
        decision
    }

    /// Invokes until nothing is left to do; an instance that was started comes up in between, and has an event of its own.
    pub(crate) fn settle(&mut self, check: impl Fn(&Self, &Change)) -> Decision {
        self.updating = false;
        self.arrive();
        let asleep = self.live().iter().any(|(_, instances)| *instances == 0);
        let decision = self.invoke(Request::Apply, usize::MAX, &check);
        if matches!(decision, Decision::Remove(_, Removal::AwaitsInstance)) {
            let runs = |(variant, instances): &(VariantName, i32)| *instances > 0 || !self.observed(variant).has_ours();
            assert!(self.live().iter().all(runs), "no instance was started");
        } else if !asleep {
            return decision;
        }
        let decision = self.invoke(Request::Event, usize::MAX, &check);
        // A removal that another variant had begun: this one's instance has an event of its own, too.
        if matches!(decision, Decision::Remove(_, Removal::AwaitsInstance)) {
            return self.invoke(Request::Event, usize::MAX, &check);
        }
        decision
    }

    /// One write, as AWS would do it or refuse it.
    pub(crate) fn make(&mut self, variant: &VariantName, change: &Change) -> Result<(), &'static str> {
        let id = self.fresh_id();
        let is_there = self.endpoint.is_some();
        let ordered = self.ordered.filter(|_| self.endpoint.as_ref().is_some_and(|(name, _)| name == variant));
        let live = self.endpoint.iter_mut().chain(self.beside.iter_mut().filter(|_| is_there));
        let live = live.into_iter().find(|(name, _)| name == variant);
        let resources = self.resources.entry(variant.clone()).or_default();
        match change {
            Change::RegisterScalableTarget(target) => {
                let (_, instances) = live.ok_or("no such variant")?;
                if target.min_capacity > target.max_capacity {
                    return Err("MinCapacity is above MaxCapacity");
                }
                let wanted = ordered.unwrap_or(*instances).clamp(target.min_capacity, target.max_capacity);
                if ordered.is_some() {
                    // It takes the place of the order that isn't fulfilled yet.
                    self.ordered = Some(if self.starts_fail { wanted.min(*instances) } else { wanted });
                } else {
                    *instances = if self.starts_fail { wanted.min(*instances) } else { wanted };
                }
                resources.target = Some(target.clone());
            }
            Change::PutScalingPolicy(name, policy) => {
                resources.target.as_ref().ok_or("ObjectNotFoundException: no scalable target")?;
                let same_metric = |other: &TargetTracking| match policy {
                    ScalingPolicy::TargetTracking(tracking) => tracking.metric == other.metric,
                    ScalingPolicy::Step(_) => false,
                };
                let clashes = resources.policies.iter().any(|(other, held)| {
                    other != name.as_str()
                        && matches!(&held.content, PolicyContent::Known(ScalingPolicy::TargetTracking(held)) if same_metric(held))
                });
                if clashes {
                    return Err("a second target-tracking policy on one metric");
                }
                match resources.policies.get(name.as_str()) {
                    Some(held) if held.content.policy_type() != policy.policy_type() => {
                        return Err("a policy keeps its type");
                    }
                    held => {
                        let id = held.map_or(id, |held| held.id);
                        let content = PolicyContent::Known(policy.clone());
                        resources.policies.insert(name.to_string(), Policy { id, content });
                    }
                }
            }
            Change::PutMetricAlarm(kind, alarm) => {
                let policy =
                    resources.policies.get(kind.policy().as_str()).ok_or("the alarm has no policy to drive")?;
                let drives = policy.id;
                resources.alarms.insert(*kind, DrivenAlarm { alarm: alarm.clone(), drives });
            }
            Change::DeleteScalingPolicy(name) => {
                resources.policies.remove(name).ok_or("ObjectNotFoundException: no such policy")?;
            }
            Change::DeleteScheduledAction(name) => {
                resources.actions.remove(name).ok_or("ObjectNotFoundException: no such action")?;
            }
            Change::PutScheduledAction(name, action) => {
                resources.target.as_ref().ok_or("ObjectNotFoundException: no scalable target")?;
                if matches!(resources.actions.get(name), Some(Action::Other)) {
                    return Err("what was edited by hand would stay in part");
                }
                resources.actions.insert(name.clone(), Action::Known(action.clone()));
            }
            Change::DeleteAlarms(kinds) => {
                for kind in kinds {
                    resources.alarms.remove(kind).ok_or("ResourceNotFound: no such alarm")?;
                }
            }
            Change::DeregisterScalableTarget => {
                resources.target.take().ok_or("ObjectNotFoundException: no scalable target")?;
                resources.policies.clear();
                resources.actions.clear();
            }
            Change::TagResource(Tagged::ScalableTarget, _) => {
                resources.target.as_ref().ok_or("ObjectNotFoundException: no scalable target")?;
            }
            Change::TagResource(Tagged::Alarm(kind), _) => {
                resources.alarms.get(kind).ok_or("ResourceNotFound: no such alarm")?;
            }
            Change::SetDesiredInstances(wanted) => {
                let (_, instances) = live.ok_or("no such variant")?;
                if ordered.is_some() {
                    self.ordered = Some(*wanted);
                } else {
                    *instances = *wanted;
                }
            }
        }
        Ok(())
    }

    /// Whether a request could wait for ever: the live variant has no instance, or may lose its last one, and nothing
    /// would start one.
    pub(crate) fn is_stranded(&self) -> bool {
        let is_stranded = |(variant, instances): &(VariantName, i32)| {
            let scaling = self.observed(variant);
            let is_raised = scaling.target.as_ref().is_some_and(|target| target.min_capacity > 0);
            let has_none = *instances == 0 && !is_raised;
            let may_sleep = scaling.can_take_the_last() && scaling.may_reach_zero();
            (has_none || may_sleep) && !scaling.can_wake()
        };
        self.live().iter().any(is_stranded)
    }

    /// Everything in the account that bears one of our names.
    pub(crate) fn ours(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (variant, resources) in &self.resources {
            let policies = resources.policies.keys().filter(|name| PolicyName::owned(name).is_some());
            found.extend(policies.map(|name| format!("{variant}: policy {name}")));
            let actions = resources.actions.keys().filter(|name| name.starts_with("scale-to-zero-warm"));
            found.extend(actions.map(|name| format!("{variant}: action {name}")));
            found.extend(resources.alarms.keys().map(|kind| format!("{variant}: alarm {kind:?}")));
        }
        found
    }
}

impl PolicyContent {
    fn policy_type(&self) -> PolicyType {
        match self {
            Self::Known(policy) => policy.policy_type(),
            Self::Other(policy_type) => *policy_type,
        }
    }
}

impl Resources {
    fn observed(&self) -> Scaling {
        let mut scaling = Scaling { target: self.target.clone(), ..Scaling::default() };
        for (name, policy) in &self.policies {
            match (PolicyName::owned(name), &policy.content) {
                (None, _) => _ = scaling.foreign.insert(foreign(ForeignKind::ScalingPolicy, name)),
                (Some(name), PolicyContent::Known(known)) => _ = scaling.policies.insert(name, known.clone()),
                (Some(name), PolicyContent::Other(kind)) => _ = scaling.strays.policies.insert(name, *kind),
            }
        }
        for (name, action) in &self.actions {
            match action {
                _ if !name.starts_with("scale-to-zero-warm") => {
                    scaling.foreign.insert(foreign(ForeignKind::ScheduledAction, name));
                }
                Action::Known(known) => _ = scaling.actions.insert(name.clone(), known.clone()),
                Action::Other => _ = scaling.strays.actions.insert(name.clone()),
            }
        }
        for (kind, driven) in &self.alarms {
            let policy = self.policies.get(kind.policy().as_str());
            if policy.is_some_and(|policy| policy.id == driven.drives) {
                scaling.alarms.insert(*kind, driven.alarm.clone());
            } else {
                scaling.strays.alarms.insert(*kind, driven.alarm.other_actions.clone());
            }
        }
        scaling
    }
}

fn foreign(kind: ForeignKind, name: &str) -> Foreign {
    Foreign { kind, name: name.to_owned() }
}

pub(crate) fn is_empty(decision: &Decision) -> bool {
    decision.plans().iter().all(|plan| plan.changes.is_empty())
}
