//! What happens between an invocation's look and its writes: another invocation, a scale-in, a start that fails.

use proptest::collection::vec;
use proptest::prelude::*;
use sagemaker_scale_to_zero::reconcile::{
    Change, Decision, Removal, Request, VariantName, VariantPlan, after_the_second_look, before_the_second_look,
};

use crate::model::{Account, variant_name};
use crate::{any_account, any_tags, assert_settled, good_account, good_tags, must_wake, pauses};

fn writes(plans: &[VariantPlan]) -> Vec<(VariantName, Change)> {
    let of_plan = |plan: &VariantPlan| {
        let variant = plan.variant.clone();
        plan.changes.iter().map(|change| (variant.clone(), change.clone())).collect::<Vec<_>>()
    };
    plans.iter().flat_map(of_plan).collect()
}

/// The policies take away what they may.
fn scale_in(account: &mut Account) {
    let Some((variant, instances)) = account.endpoint.clone() else { return };
    let scaling = account.observed(&variant);
    if let Some(target) = &scaling.target
        && !target.suspended.scale_in
        && scaling.can_take_the_last()
    {
        account.endpoint = Some((variant, instances.min(target.min_capacity)));
        account.ordered = None;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// Both have looked before either writes, at other tags or for another reason. Whose write AWS refuses stops there.
    #[test]
    fn two_invocations_at_once_end_right_with_the_event_that_follows(
        mut account in any_account(any_tags()),
        later in any_tags(),
        requests in (any_request(), any_request()),
        turns in vec(any::<bool>(), 0..24),
    ) {
        let first = writes(account.decide(requests.0).plans());
        account.tags = later;
        let second = writes(account.decide(requests.1).plans());
        let (mut first, mut second) = (first.into_iter(), second.into_iter());
        for is_first in turns.into_iter().chain([true; 24]).chain([false; 24]) {
            let next = if is_first { first.next() } else { second.next() };
            let Some((variant, change)) = next else { continue };
            if account.make(&variant, &change).is_err() {
                if is_first { first = Vec::new().into_iter() } else { second = Vec::new().into_iter() }
            }
        }
        let decision = account.settle(|_, _| {});
        assert_settled(&account, &decision);
    }

    /// The last instance goes at any moment between the look and the second look.
    #[test]
    fn a_removal_leaves_no_endpoint_at_zero_though_it_is_scaled_in_meanwhile(
        mut account in good_account(), moment in 0..10usize
    ) {
        prop_assume!(account.endpoint.as_ref().is_some_and(|(_, instances)| *instances > 0));
        prop_assume!(account.ordered != Some(0));
        // Of a variant that only another owner scales, the owner may take the last instance.
        prop_assume!(account.observed(&variant_name("AllTraffic")).has_ours());
        let (endpoint, observed) = (account.observed_endpoint().unwrap(), account.observed_scaling());
        let Decision::Remove(plans, Removal::Complete) = account.decide(Request::Remove) else {
            return Ok(());
        };
        let first: Vec<VariantPlan> = plans
            .iter()
            .map(|plan| VariantPlan {
                variant: plan.variant.clone(),
                changes: before_the_second_look(&plan.changes).0.to_vec(),
            })
            .collect();
        for (place, (variant, change)) in writes(&first).into_iter().enumerate() {
            if place == moment {
                scale_in(&mut account);
            }
            account.make(&variant, &change).unwrap();
        }
        let again = account.observed_endpoint();
        let (rests, removal) = after_the_second_look(&account.rules, &endpoint, again.as_ref(), &observed, &plans);
        for (variant, change) in writes(&rests) {
            account.make(&variant, &change).unwrap();
        }
        account.arrive();
        let (_, instances) = account.endpoint.clone().unwrap();
        prop_assert!(instances > 0, "{removal:?}: {rests:?}");
    }

    /// Before it is noted down, it has not begun: the next event makes the variant as its tags say. Afterwards events finish it.
    #[test]
    fn a_removal_by_hand_that_is_cut_off_at_zero_has_not_begun_or_is_finished_by_events(
        tags in good_tags(), calls in 0..3usize
    ) {
        let mut account = Account::with_endpoint("AllTraffic", 1, tags);
        account.settle(|_, _| {});
        let variant = variant_name("AllTraffic");
        prop_assume!(account.observed(&variant).can_wake());
        account.endpoint = Some((variant, 0));
        let before = account.ours();
        account.invoke(Request::Remove, calls, |account, change| {
            assert!(!account.is_stranded(), "stranded by {change:?}");
        });
        // Once it is finished, the next event would follow the tags.
        for _ in 0..2 {
            if !account.ours().is_empty() {
                account.invoke(Request::Event, usize::MAX, |account, change| {
                    assert!(!account.is_stranded(), "stranded by {change:?}");
                });
            }
        }
        let has_begun = calls >= 2;
        prop_assert_eq!(account.ours(), if has_begun { Vec::new() } else { before });
        let is_left_at_zero = account.endpoint.is_none_or(|(_, instances)| instances == 0);
        prop_assert!(!has_begun || !is_left_at_zero, "it is left without an instance");
    }

    /// As long as AWS has no capacity, each look asks again, and whatever could wake the endpoint still can.
    #[test]
    fn a_start_that_fails_is_asked_for_again_and_the_way_to_wake_stays(mut account in good_account()) {
        prop_assume!(must_wake(&account) && !pauses(&account));
        account.endpoint = Some((variant_name("AllTraffic"), 0));
        account.starts_fail = true;
        let could_wake = account.observed(&variant_name("AllTraffic")).can_wake();
        for _ in 0..3 {
            let decision = account.invoke(Request::Event, usize::MAX, |_, _| {});
            let Decision::Configure(..) = decision else { return Ok(()) };
            let scaling = account.observed(&variant_name("AllTraffic"));
            prop_assert!(!could_wake || scaling.can_wake(), "it could wake, and can't any more: {scaling:?}");
            let asks = writes(account.decide(Request::Event).plans());
            let target = scaling.target.unwrap();
            let is_asked = asks.iter().any(|(_, change)| matches!(change, Change::RegisterScalableTarget(_)));
            prop_assert_eq!(is_asked, target.min_capacity > 0, "{:?}", asks);
        }
    }
}

fn any_request() -> impl Strategy<Value = Request> {
    prop_oneof![Just(Request::Apply), Just(Request::Event), Just(Request::Remove)]
}
