//! What the numbers and types of variants mean.

use super::*;

fn counting(current: Option<i32>, desired: Option<i32>) -> Variant {
    Variant {
        name: VariantName::new("AllTraffic").unwrap(),
        current_instances: current,
        desired_instances: desired,
        hosting: Hosting::Instances,
        instance_type: None,
        publish_frequency: None,
    }
}

#[test]
fn a_variant_is_at_zero_when_none_runs_or_the_last_one_goes() {
    for (current, desired, is_at_zero, most) in [
        (Some(0), Some(0), true, 0),
        (Some(0), Some(2), true, 2),
        (Some(3), Some(0), true, 3),
        (Some(1), Some(1), false, 1),
        (Some(4), Some(2), false, 4),
        (Some(2), None, false, 2),
        (None, Some(2), false, 2),
        // What isn't told is no reason to take anything for asleep.
        (None, None, false, 0),
        (Some(0), None, true, 0),
        (None, Some(0), true, 0),
    ] {
        let variant = counting(current, desired);
        assert_eq!((variant.is_at_zero(), variant.most_instances()), (is_at_zero, most), "{current:?} {desired:?}");
    }
}

#[test]
fn an_endpoint_is_asleep_when_no_variant_runs_or_is_to_run() {
    let endpoint = |variants: &[(i32, i32)]| Endpoint {
        name: EndpointName::new("demo").unwrap(),
        status: EndpointStatus::InService,
        failure_reason: None,
        inference: Inference::Asynchronous,
        variants: variants.iter().map(|&(current, desired)| counting(Some(current), Some(desired))).collect(),
        tags: Tags::new(),
    };
    for (variants, want) in [
        (&[(0, 0)][..], true),
        (&[(0, 0), (0, 0)], true),
        (&[(0, 1)], false),
        (&[(1, 0)], false),
        (&[(1, 1)], false),
        (&[(0, 0), (1, 1)], false),
        // Nothing is known, and that is no sleep.
        (&[], false),
    ] {
        assert_eq!(endpoint(variants).is_asleep(), want, "{variants:?}");
    }
    let untold = Endpoint { variants: vec![counting(None, None)], ..endpoint(&[]) };
    assert!(!untold.is_asleep());
}

#[test]
fn a_burstable_type_is_one_of_a_generation_of_t() {
    for (instance_type, want) in [
        ("ml.t2.medium", true),
        ("ml.t3.large", true),
        ("ml.t4g.large", true),
        ("ml.trn1.2xlarge", false),
        ("ml.m5.large", false),
        ("ml.g5.xlarge", false),
        ("t2.medium", false),
        ("ml.t", false),
        ("", false),
    ] {
        let variant = Variant { instance_type: Some(instance_type.to_owned()), ..counting(None, None) };
        assert_eq!(variant.is_burstable(), want, "{instance_type}");
    }
    assert!(!counting(None, None).is_burstable(), "what isn't known");
}

#[test]
fn an_instance_reports_once_a_minute_unless_it_is_told_otherwise() {
    assert_eq!(counting(None, None).publish_frequency(), 60);
    assert_eq!(Variant { publish_frequency: Some(10), ..counting(None, None) }.publish_frequency(), 10);
}
