//! Instances by hand, against the model: within the bounds, never a step in the wrong direction, and never asleep without a
//! way to wake, whatever happens between the look and the write.

use proptest::prelude::*;
use proptest::sample::select;
use sagemaker_scale_to_zero::reconcile::{
    ByHand, Change, Request, ScalableTarget, VariantName, VariantPlan, Wanted, by_hand, cannot_wake,
};

use super::model::{Account, variant_name};
use super::{any_tags, good_account, good_tags};

fn any_wish() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        proptest::option::of(1..9i32).prop_map(Wanted::Wake),
        Just(Wanted::Wake(Some(i32::MAX))),
        Just(Wanted::Sleep),
        Just(Wanted::Sleep),
    ]
}

/// What else may happen to an endpoint in the middle of a wish.
#[derive(Debug, Clone)]
enum Meanwhile {
    Nothing,
    /// An event, a sweep, or a removal by hand.
    Reconciled(Request),
    /// Somebody else's tags, and the look that follows.
    Retagged(Vec<(String, String)>),
    /// A policy sets another number, within the bounds.
    Scaled(i32),
    /// A policy or a person has just begun to.
    Updating,
}

fn any_meanwhile() -> impl Strategy<Value = Meanwhile> {
    prop_oneof![
        Just(Meanwhile::Nothing),
        select(vec![Request::Event, Request::Remove]).prop_map(Meanwhile::Reconciled),
        any_tags().prop_map(|tags| Meanwhile::Retagged(tags.into_iter().collect())),
        (0..9i32).prop_map(Meanwhile::Scaled),
        Just(Meanwhile::Updating),
    ]
}

fn happens(account: &mut Account, meanwhile: Meanwhile) {
    match meanwhile {
        Meanwhile::Nothing => {}
        Meanwhile::Reconciled(request) => _ = account.invoke(request, usize::MAX, |_, _| {}),
        Meanwhile::Retagged(tags) => {
            account.tags = tags.into_iter().collect();
            account.invoke(Request::Event, usize::MAX, |_, _| {});
        }
        Meanwhile::Scaled(instances) => {
            let Some(target) = target(account) else { return };
            if let Some((_, running)) = &mut account.endpoint {
                *running = instances.clamp(target.min_capacity, target.max_capacity);
            }
        }
        Meanwhile::Updating => account.updating = true,
    }
}

fn target(account: &Account) -> Option<ScalableTarget> {
    let (variant, _) = account.endpoint.as_ref()?;
    account.observed(variant).target
}

/// As many as the variant is to have.
fn wanted_instances(account: &Account, variant: &VariantName) -> i32 {
    let endpoint = account.observed_endpoint().unwrap();
    endpoint.variants.iter().find(|it| it.name == *variant).and_then(|it| it.desired_instances).unwrap()
}

fn instances(account: &Account) -> i32 {
    account.endpoint.as_ref().map_or(0, |(_, instances)| *instances)
}

fn decided(account: &Account, wanted: Wanted) -> ByHand {
    by_hand(
        wanted,
        &account.rules,
        account.observed_endpoint().as_ref(),
        false,
        &account.observed_scaling(),
        account.now,
    )
}

fn plans(decision: ByHand) -> Vec<VariantPlan> {
    match decision {
        ByHand::Wake(plans, _) | ByHand::Sleep(plans) => plans,
        ByHand::Skip(_) | ByHand::Paused(_) | ByHand::Invalid(_) | ByHand::Conflict(..) | ByHand::Unchanged(_) => {
            Vec::new()
        }
    }
}

/// Makes the changes, up to the first that AWS refuses: nobody changes an endpoint that is being updated.
fn make(account: &mut Account, plans: &[VariantPlan]) {
    for plan in plans {
        for change in &plan.changes {
            let is_refused = matches!(change, Change::SetDesiredInstances(_)) && account.updating;
            if is_refused || account.make(&plan.variant, change).is_err() {
                return;
            }
        }
    }
}

/// The second look of a sleep, once the endpoint has come to rest.
fn look_again(account: &mut Account) {
    account.updating = false;
    let Some(endpoint) = account.observed_endpoint() else { return };
    if cannot_wake(&endpoint, &account.observed_scaling()) {
        let (variant, _) = account.endpoint.clone().unwrap();
        account.make(&variant, &Change::SetDesiredInstances(1)).unwrap();
    }
}

proptest! {
    /// In any world: a wish keeps to the bounds that hold then, goes in one direction only, and leaves a way to wake.
    #[test]
    fn a_wish_keeps_to_the_bounds_and_leaves_a_way_to_wake(account in good_account(), wanted in any_wish()) {
        let mut account = account;
        let mut is_moved_by_aws = false;
        for plan in plans(decided(&account, wanted)) {
            for change in &plan.changes {
                let (before, was_stranded) = (wanted_instances(&account, &plan.variant), account.is_stranded());
                account.make(&plan.variant, change).unwrap();
                let is_moved = wanted_instances(&account, &plan.variant) != before;
                is_moved_by_aws |= matches!(change, Change::RegisterScalableTarget(_)) && is_moved;
                if let Change::SetDesiredInstances(count) = change {
                    prop_assert!(was_stranded || !account.is_stranded(), "{change:?} strands it");
                    let target = account.observed(&plan.variant).target.expect("a plan registers before it scales");
                    prop_assert!((target.min_capacity..=target.max_capacity).contains(count), "{count} of {target:?}");
                    match wanted {
                        Wanted::Wake(_) => prop_assert!(*count > before),
                        Wanted::Sleep => prop_assert!(*count < before),
                    }
                    prop_assert!(*count > 0 || account.observed(&plan.variant).can_wake(), "asleep for good");
                }
            }
        }
        let again = plans(decided(&account, wanted));
        let steps = again.iter().flat_map(|plan| &plan.changes).filter(|it| matches!(it, Change::SetDesiredInstances(_)));
        prop_assert!(is_moved_by_aws || steps.count() == 0, "the same wish once more");
    }

    /// Two wishes at once, and anything else between the look and the write of each.
    #[test]
    fn nothing_that_happens_meanwhile_leaves_an_endpoint_asleep_for_good(
        tags in good_tags(),
        running in 0..6i32,
        wishes in (any_wish(), any_wish()),
        meanwhile in (any_meanwhile(), any_meanwhile()),
    ) {
        let mut account = Account::with_endpoint("AllTraffic", running.max(1), tags);
        account.settle(|_, _| {});
        prop_assume!(!account.is_stranded());
        let variant = variant_name("AllTraffic");
        if let Some(target) = target(&account) {
            account.endpoint = Some((variant.clone(), running.clamp(target.min_capacity, target.max_capacity)));
        }
        prop_assume!(!account.is_stranded());

        let first = plans(decided(&account, wishes.0));
        let second = plans(decided(&account, wishes.1));
        happens(&mut account, meanwhile.0);
        make(&mut account, &first);
        happens(&mut account, meanwhile.1);
        make(&mut account, &second);
        if wishes.0 == Wanted::Sleep || wishes.1 == Wanted::Sleep {
            look_again(&mut account);
        }
        let at_zero = instances(&account) == 0;
        let scaling = account.observed(&variant);
        let is_raised = scaling.target.as_ref().is_some_and(|target| target.min_capacity > 0);
        let is_by_policy = wishes.0 != Wanted::Sleep && wishes.1 != Wanted::Sleep;
        prop_assert!(!at_zero || is_raised || scaling.can_wake() || is_by_policy, "asleep for good: {scaling:?}");
    }
}
