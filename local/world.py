"""Time and what happens in it: requests are worked off, metrics appear, alarms are looked at, policies act.

Time is made: a minute passes when a test or the demo says so, and takes no time of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from local.account import Account
from local.scenario import Scenario
from local.services import alarms, sagemaker, scaling, work
from local.services.scaling import Limits, Trigger

_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)

# Simulated: 7 minutes for instances to start, a minute for them to go. Where it was measured it was 7 to 15.
_START_SECONDS, _STOP_SECONDS = 420, 60
# A datapoint can be seen a minute after its minute is over.
_METRIC_DELAY = 60


class World(Scenario):
    """A `Scenario` with a clock.

    clock            the time of this world; set it before anything is in progress
    start_seconds    from an order of more instances to their being in service
    stop_seconds     from an order of fewer to the endpoint's being InService again
    metric_delay     seconds after which a minute's datapoints can be seen
    limits           quotas, and instances that AWS has, by instance type
    on_state_change  is called with an endpoint's name and new status, as EventBridge would tell them
    takes_values     whether the value of an expression reaches the step policy; if not, no order follows
    repeats_value    whether an action that is repeated goes by the datapoints with which the alarm began
    """

    clock: datetime
    limits: Limits
    on_state_change: Callable[[str, str], None] | None

    def restart(self) -> None:
        """No time has passed, nothing is under way, nothing stands in the way."""
        self.clock = datetime.now(UTC).replace(second=0, microsecond=0)
        self.start_seconds, self.stop_seconds = _START_SECONDS, _STOP_SECONDS
        self.metric_delay = _METRIC_DELAY
        self.limits = Limits()
        self.on_state_change = None
        self.takes_values, self.repeats_value = True, False
        self._due: dict[str, datetime] = {}
        self._seen: dict[str, str] = {}
        self._began_with: dict[str, tuple[float, ...]] = {}

    def send_requests(self, name: str, count: int = 1, seconds: float = 60, after: float = 0) -> None:
        """So many requests arrive `after` so many seconds; each takes so many `seconds` of an instance."""
        with self._lock:
            for _ in range(count):
                work.send(self.account(), name, self.clock + timedelta(seconds=after), seconds)

    def publish_every(self, name: str, seconds: int) -> None:
        """How often instances report their use of CPU and GPU, as the endpoint says then."""
        self.account().publish_frequencies[name] = seconds

    def work(self, name: str) -> work.Work:
        """What became of an endpoint's requests."""
        found: work.Work = self.account().work.setdefault(name, work.Work())
        return found

    def instances(self, name: str) -> int:
        """How many run."""
        return work.instances(self.account().endpoint(name))

    def wanted(self, name: str) -> int:
        """How many were ordered."""
        endpoint = self.account().endpoint(name)
        return sum(variant.get("DesiredInstanceCount", 0) for variant in endpoint.production_variants)

    def pass_minutes(self, minutes: int = 1) -> None:
        for _ in range(minutes):
            with self._lock:
                self._pass_minute(self.account())
                changes = self._state_changes(self.account())
            for name, status in changes:
                if self.on_state_change:
                    self.on_state_change(name, status)

    def pass_until(self, condition: Callable[[], bool], minutes: int = 120) -> int:
        """How many minutes it took for the condition to hold; fails where they don't suffice."""
        for passed in range(minutes + 1):
            if condition():
                return passed
            self.pass_minutes()
        raise AssertionError(f"after {minutes} minutes it still does not hold")

    def _pass_minute(self, account: Account) -> None:
        begin = self.clock
        for _ in range(60):
            self._settle_what_is_due(account)
            work.step(account, self.clock)
            self.clock += _SECOND
        work.publish(account, begin, self.clock)
        self._settle_what_is_due(account)
        triggers = self._look_at_alarms(account)
        scaling.act(account, triggers, self.clock, self.limits)

    def _settle_what_is_due(self, account: Account) -> None:
        """Ends what has lasted long enough; instances that AWS doesn't have are waited for."""
        for arn, endpoint in list(account.endpoints_by_arn.items()):
            if not sagemaker.is_in_progress(endpoint):
                self._due.pop(arn, None)
                continue
            due = self._due.setdefault(arn, self.clock + self._duration(endpoint))
            if scaling.lacks_capacity(account, arn, self.limits):
                self._due[arn] = max(due, self.clock + timedelta(seconds=self.start_seconds))
            elif due <= self.clock:
                del self._due[arn]
                sagemaker.finish(account, endpoint)
                scaling.fulfilled(account, arn, self.clock)

    def _duration(self, endpoint: Any) -> timedelta:
        grows = any(
            variant.get("DesiredInstanceCount", 0) > variant.get("CurrentInstanceCount", 0)
            for variant in endpoint.production_variants
        )
        is_new = endpoint.next_config_name or endpoint.endpoint_status == "Creating"
        return timedelta(seconds=self.start_seconds if grows or is_new else self.stop_seconds)

    def _look_at_alarms(self, account: Account) -> list[Trigger]:
        """AWS: "For Auto Scaling actions, the alarm continues to invoke the action once per minute"."""
        end = self.clock - timedelta(seconds=self.metric_delay)
        triggers = []
        for name, alarm in list(account.cloudwatch.alarms.items()):
            found = alarms.evaluate(account, alarm, end)
            if alarms.note(alarm, found, self.clock) and found.state == "ALARM":
                self._began_with[name] = found.datapoints
            if found.state != "ALARM" or not alarm.actions_enabled:
                continue
            datapoints = self._began_with.get(name, ()) if self.repeats_value else found.datapoints
            if "Metrics" in alarm.parameters and not self.takes_values:
                datapoints = ()
            for action in alarm.alarm_actions:
                policy = scaling.find_policy(account, action)
                if policy is not None and datapoints:
                    way = _way(name, policy)
                    triggers.append(Trigger(name, policy, datapoints, alarm.parameters["Threshold"], way))
        return triggers

    def _state_changes(self, account: Account) -> list[tuple[str, str]]:
        now = {
            endpoint.endpoint_name: endpoint.endpoint_status for endpoint in account.endpoints_by_arn.values()
        }
        changes = [(name, status) for name, status in now.items() if self._seen.get(name, status) != status]
        self._seen = now
        return changes


def _way(alarm: str, policy: scaling.Policy) -> str:
    """The alarms that AWS makes for target tracking go one way, those of step policies where a step says."""
    if policy.policy_type != "TargetTrackingScaling":
        return "either"
    return "in" if "-AlarmLow-" in alarm else "out"
