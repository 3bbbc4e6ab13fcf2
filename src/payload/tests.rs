//! Every form of payload, by tables: what it asks for, and what is said of what nobody understands.

#![expect(clippy::unnecessary_wraps, reason = "what a row expects is a result, also where it is always Ok")]

use super::*;
use crate::reconcile::Manage;

type Understood = Result<Invocation, String>;

fn endpoint_named(name: &str) -> EndpointName {
    EndpointName::new(name).unwrap()
}

fn demo() -> EndpointName {
    endpoint_named("demo")
}

fn likely() -> Hints {
    Hints { is_likely_ours: true, ..Hints::default() }
}

fn about_demo(verb: Verb, hints: Hints) -> Understood {
    Ok(Invocation::Endpoint { verb, name: demo(), arn: None, hints })
}

fn fleet(verb: FleetVerb, after: Option<EndpointName>) -> Understood {
    Ok(Invocation::Fleet { verb, after })
}

fn ignored(name: Option<&str>) -> Understood {
    Ok(Invocation::Ignored { endpoint: name.map(endpoint_named) })
}

fn refused(problem: &str) -> Understood {
    Err(problem.to_owned())
}

/// What is made of a payload, or the first half of the sentence about it.
fn understood(payload: &Value, rules: &Rules) -> Understood {
    parse(payload, rules).map_err(|error| {
        let sentence = error.to_string();
        let (problem, accepted) = sentence.split_once("; ").unwrap();
        assert!(accepted.starts_with("accepted are {\"action\": \"apply\""), "{sentence}");
        problem.to_owned()
    })
}

#[track_caller]
fn assert_understood<const N: usize>(table: [(Value, Understood); N]) {
    for (payload, want) in table {
        assert_eq!(understood(&payload, &Rules::default()), want, "{payload}");
    }
}

#[test]
fn each_action_about_one_endpoint_is_told_apart() {
    let of = |action: &str| json!({ "action": action, "endpoint": "demo" });
    let by_hand = |wanted, force| Ok(Invocation::ByHand { name: demo(), wanted, force });
    let mut woken = of("wake");
    let mut forced = of("sleep");
    let mut gentle = of("sleep");
    woken["instances"] = json!(3);
    forced["force"] = json!(true);
    gentle["force"] = json!(false);
    assert_understood([
        (of("apply"), about_demo(Verb::Apply, Hints::default())),
        (of("plan"), about_demo(Verb::Plan, Hints::default())),
        (of("remove"), about_demo(Verb::Remove, likely())),
        (of("reconcile"), about_demo(Verb::Work, likely())),
        (of("explain"), Ok(Invocation::Explain { name: demo() })),
        (of("status"), Ok(Invocation::Status { name: demo() })),
        (of("wake"), by_hand(Wanted::Wake(None), false)),
        (woken, by_hand(Wanted::Wake(Some(3)), false)),
        (of("sleep"), by_hand(Wanted::Sleep, false)),
        (forced, by_hand(Wanted::Sleep, true)),
        (gentle, by_hand(Wanted::Sleep, false)),
    ]);
}

#[test]
fn each_action_about_all_endpoints_is_told_apart_and_may_begin_behind_one() {
    let of = |action: &str| json!({ "action": action });
    let behind = |action: &str| json!({ "action": action, "after": "demo" });
    assert_understood([
        (of("sweep"), fleet(FleetVerb::Sweep, None)),
        (of("plan"), fleet(FleetVerb::Plan, None)),
        (of("remove"), fleet(FleetVerb::Remove, None)),
        (of("status"), Ok(Invocation::FleetStatus { after: None })),
        (of("savings"), Ok(Invocation::Savings { after: None })),
        (behind("sweep"), fleet(FleetVerb::Sweep, Some(demo()))),
        (behind("plan"), fleet(FleetVerb::Plan, Some(demo()))),
        (behind("remove"), fleet(FleetVerb::Remove, Some(demo()))),
        (behind("status"), Ok(Invocation::FleetStatus { after: Some(demo()) })),
        (behind("savings"), Ok(Invocation::Savings { after: Some(demo()) })),
    ]);
}

#[test]
fn a_number_of_instances_is_a_whole_one_from_one_on() {
    let wake = |instances: Value| json!({ "action": "wake", "endpoint": "demo", "instances": instances });
    let wanted = |count| Ok(Invocation::ByHand { name: demo(), wanted: Wanted::Wake(Some(count)), force: false });
    assert_understood([
        (wake(json!(1)), wanted(1)),
        (wake(json!(2_147_483_647_u32)), wanted(i32::MAX)),
        // The endpoint's own maximum refuses it, with a sentence about that.
        (wake(json!(9_000_000_000_u64)), wanted(i32::MAX)),
        (wake(json!(0)), refused("\"instances\" is 0, not an integer of 1 or more")),
        (wake(json!(-1)), refused("\"instances\" is -1, not an integer of 1 or more")),
        (wake(json!(1.5)), refused("\"instances\" is 1.5, not an integer of 1 or more")),
        (wake(json!("2")), refused("\"instances\" is \"2\", not an integer of 1 or more")),
        (wake(json!(null)), refused("\"instances\" is null, not an integer of 1 or more")),
        (wake(json!(true)), refused("\"instances\" is true, not an integer of 1 or more")),
        (wake(json!([1])), refused("\"instances\" is [1], not an integer of 1 or more")),
    ]);
}

#[test]
fn advice_looks_back_two_weeks_unless_it_is_asked_otherwise() {
    let advise = |options: &[(&str, Value)]| {
        let mut payload = json!({ "action": "advise", "endpoint": "demo" });
        for (key, value) in options {
            payload[*key] = value.clone();
        }
        payload
    };
    let about =
        |days, price, course| Ok(Invocation::Advise { name: demo(), about: AdviceAsked { days, price, course } });
    let days = |days: Value| advise(&[("days", days)]);
    let price = |price: Value| advise(&[("price", price)]);
    assert_understood([
        (advise(&[]), about(14, None, false)),
        (advise(&[("days", json!(3)), ("price", json!(0.25)), ("course", json!(true))]), about(3, Some(0.25), true)),
        (advise(&[("course", json!(false))]), about(14, None, false)),
        (days(json!(1)), about(1, None, false)),
        (days(json!(14)), about(14, None, false)),
        (days(json!(0)), refused("\"days\" is 0, not a whole number from 1 to 14")),
        (days(json!(15)), refused("\"days\" is 15, not a whole number from 1 to 14")),
        // As a byte it would be 1.
        (days(json!(257)), refused("\"days\" is 257, not a whole number from 1 to 14")),
        (days(json!(-1)), refused("\"days\" is -1, not a whole number from 1 to 14")),
        (days(json!("7")), refused("\"days\" is \"7\", not a whole number from 1 to 14")),
        (price(json!(1)), about(14, Some(1.0), false)),
        (price(json!(0)), refused("\"price\" is 0, not a number of US$ above 0 for an instance-hour")),
        (price(json!(-0.5)), refused("\"price\" is -0.5, not a number of US$ above 0 for an instance-hour")),
        (price(json!("1")), refused("\"price\" is \"1\", not a number of US$ above 0 for an instance-hour")),
        (advise(&[("course", json!("yes"))]), refused("\"course\" is \"yes\", not true or false")),
    ]);
}

/// An option that is silently ignored may be the one that was meant to hold the function back.
#[test]
fn an_action_that_isnt_understood_whole_is_refused() {
    let unknown =
        |key: &str, action: &str| refused(&format!("received the unknown key {key:?} beside the action {action:?}"));
    assert_understood([
        (json!({ "action": "aply", "endpoint": "demo" }), refused("received the unknown action \"aply\"")),
        (json!({ "action": "aply" }), refused("received the unknown action \"aply\"")),
        (json!({ "action": 5 }), refused("\"action\" is a number, not a string")),
        (json!({ "action": null }), refused("\"action\" is null, not a string")),
        (json!({ "action": "apply" }), refused("\"endpoint\" is missing")),
        (json!({ "action": "explain" }), refused("\"endpoint\" is missing")),
        (json!({ "action": "wake" }), refused("\"endpoint\" is missing")),
        (json!({ "action": "apply", "endpoint": true }), refused("\"endpoint\" is a boolean, not a string")),
        (json!({ "action": "apply", "endpoint": null }), refused("\"endpoint\" is null, not a string")),
        (
            json!({ "action": "apply", "endpoint": "no name" }),
            refused("\"endpoint\" \"no name\" is not the name of an endpoint (1 to 63 letters, digits and hyphens)"),
        ),
        (json!({ "action": "sweep", "endpoint": "demo" }), unknown("endpoint", "sweep")),
        (json!({ "action": "savings", "endpoint": "demo" }), unknown("endpoint", "savings")),
        (json!({ "action": "apply", "endpoint": "demo", "after": "a" }), unknown("after", "apply")),
        (json!({ "action": "apply", "endpoint": "demo", "dryRun": true }), unknown("dryRun", "apply")),
        (json!({ "action": "plan", "endpoint": "demo", "variants": [] }), unknown("variants", "plan")),
        (json!({ "action": "remove", "endpoint": "demo", "force": true }), unknown("force", "remove")),
        (json!({ "action": "remove", "variants": ["a"] }), unknown("variants", "remove")),
        (json!({ "action": "wake", "endpoint": "demo", "force": true }), unknown("force", "wake")),
        (json!({ "action": "sleep", "endpoint": "demo", "instances": 1 }), unknown("instances", "sleep")),
        (json!({ "action": "sleep", "endpoint": "demo", "force": 1 }), refused("\"force\" is a number, not a boolean")),
        (
            json!({ "action": "sweep", "after": "a/b" }),
            refused("\"after\" \"a/b\" is not the name of an endpoint (1 to 63 letters, digits and hyphens)"),
        ),
        (json!({ "action": "status", "after": 1 }), refused("\"after\" is a number, not a string")),
    ]);
}

fn state_change(status: &str, more: &Value) -> Value {
    let mut detail = json!({ "EndpointName": "demo", "EndpointStatus": status, "Tags": {} });
    for (key, value) in more.as_object().unwrap() {
        detail[key] = value.clone();
    }
    json!({ "source": "aws.sagemaker", "detail-type": "SageMaker Endpoint State Change", "detail": detail })
}

#[test]
fn an_endpoint_that_is_in_service_or_goes_is_looked_at_and_no_other() {
    for status in ["IN_SERVICE", "InService", "in_service", "DELETING", "Deleting", "DELETED"] {
        let payload = state_change(status, &json!({}));
        assert_eq!(understood(&payload, &Rules::default()), about_demo(Verb::Event, Hints::default()), "{status}");
    }
    for status in ["CREATING", "FAILED", "ROLLING_BACK", "SYSTEM_UPDATING", "OUT_OF_SERVICE", "IN_SERVICE_2", ""] {
        let payload = state_change(status, &json!({}));
        assert_eq!(understood(&payload, &Rules::default()), ignored(Some("demo")), "{status}");
    }
}

#[test]
fn an_event_without_a_status_that_is_understood_is_looked_at() {
    for status in [json!(null), json!(7)] {
        let payload = state_change("", &json!({ "EndpointStatus": status }));
        assert_eq!(understood(&payload, &Rules::default()), about_demo(Verb::Event, Hints::default()), "{status}");
    }
}

#[test]
fn an_event_that_doesnt_name_its_endpoint_is_refused() {
    let event = |detail: Value| json!({ "source": "aws.sagemaker", "detail-type": "SageMaker Endpoint State Change", "detail": detail });
    assert_understood([
        (event(json!({ "EndpointStatus": "IN_SERVICE" })), refused("detail.EndpointName is missing")),
        (event(json!("demo")), refused("detail.EndpointName is missing")),
        (event(json!(null)), refused("detail.EndpointName is missing")),
        (event(json!({ "EndpointName": ["demo"] })), refused("detail.EndpointName is a list, not a string")),
        (event(json!({ "EndpointName": { "S": "demo" } })), refused("detail.EndpointName is an object, not a string")),
        (
            event(json!({ "EndpointName": "-demo" })),
            refused(
                "detail.EndpointName \"-demo\" is not the name of an endpoint (1 to 63 letters, digits and hyphens)",
            ),
        ),
    ]);
}

/// AWS's schema has a map, its samples of other services lists of objects in either case.
#[test]
fn a_tag_of_ours_in_an_event_is_a_hint_in_whatever_form_it_comes() {
    for (tags, is_likely_ours) in [
        (json!({ "scale-to-zero:enabled": "true" }), true),
        (json!({ "team": "a", "scale-to-zero:enabled": "true" }), true),
        (json!([{ "key": "scale-to-zero:enabled", "value": "true" }]), true),
        (json!([{ "Key": "scale-to-zero:enabled", "Value": "true" }]), true),
        (json!(["scale-to-zero:enabled"]), true),
        (json!([{ "value": "scale-to-zero:enabled" }, 5, { "key": 5 }]), false),
        (json!({ "team": "scale-to-zero:enabled" }), false),
        // The function's own note is no tag that asks for it.
        (json!({ "scale-to-zero-status": "ok" }), false),
        (json!("scale-to-zero:enabled"), false),
        (json!({}), false),
        (json!(null), false),
    ] {
        let payload = state_change("IN_SERVICE", &json!({ "Tags": tags }));
        let want = about_demo(Verb::Event, Hints { is_likely_ours, ..Hints::default() });
        assert_eq!(understood(&payload, &Rules::default()), want, "{payload}");
    }
}

#[test]
fn an_update_may_be_a_wake_where_a_variant_without_instance_is_to_get_some() {
    let may_wake = |is_likely_ours| Ok(Invocation::MayWake { name: demo(), is_likely_ours });
    let quiet = || ignored(Some("demo"));
    let count =
        |current: f64, desired: f64| json!({ "CurrentInstanceCount": current, "DesiredInstanceCount": desired });
    for (variants, want) in [
        (json!([count(0.0, 1.0)]), may_wake(false)),
        (json!([count(1.0, 1.0), count(0.0, 2.0)]), may_wake(false)),
        // What the event leaves out may be so.
        (json!([{ "DesiredInstanceCount": 1 }]), may_wake(false)),
        (json!([{ "CurrentInstanceCount": 0 }]), may_wake(false)),
        (json!([{}]), may_wake(false)),
        (json!(null), may_wake(false)),
        (json!([count(1.0, 2.0)]), quiet()),
        (json!([count(1.0, 0.0)]), quiet()),
        (json!([count(0.0, 0.0)]), quiet()),
        (json!([{ "CurrentInstanceCount": 2 }]), quiet()),
        (json!([{ "DesiredInstanceCount": 0 }]), quiet()),
        (json!([]), quiet()),
    ] {
        for status in ["UPDATING", "Updating"] {
            let payload = state_change(status, &json!({ "ProductionVariants": variants }));
            assert_eq!(understood(&payload, &Rules::default()), want, "{payload}");
        }
        let payload = state_change("CREATING", &json!({ "ProductionVariants": variants }));
        assert_eq!(understood(&payload, &Rules::default()), quiet(), "{payload}");
    }
}

#[test]
fn whether_an_update_is_one_of_ours_goes_by_its_tags_and_by_what_is_managed() {
    let all = Rules { manage: Manage::All, ..Rules::default() };
    for (tags, rules, is_likely_ours) in [
        (json!({ "scale-to-zero:enabled": "true" }), Rules::default(), true),
        (json!({ "team": "a" }), Rules::default(), false),
        (json!({ "team": "a" }), all, true),
    ] {
        let payload = state_change("UPDATING", &json!({ "Tags": tags }));
        let want = Ok(Invocation::MayWake { name: demo(), is_likely_ours });
        assert_eq!(understood(&payload, &rules), want, "{payload} {:?}", rules.manage);
    }
    let mut untold = state_change("UPDATING", &json!({}));
    untold["detail"].as_object_mut().unwrap().remove("Tags");
    let want = Ok(Invocation::MayWake { name: demo(), is_likely_ours: true });
    assert_eq!(understood(&untold, &Rules::default()), want, "the event may have left them out");
}

const DEMO_ARN: &str = "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/demo";

fn retagged_demo(arn: &str) -> Understood {
    Ok(Invocation::Endpoint { verb: Verb::Apply, name: demo(), arn: Some(arn.to_owned()), hints: likely() })
}

#[test]
fn a_change_of_our_tags_on_an_endpoint_is_looked_at_and_of_nothing_else() {
    let change = |arns: Value, keys: Value| {
        json!({
            "source": "aws.tag",
            "detail-type": "Tag Change on Resource",
            "resources": arns,
            "detail": { "changed-tag-keys": keys, "service": "sagemaker", "resource-type": "endpoint", "tags": {} },
        })
    };
    let ours = json!(["team", "scale-to-zero:max-capacity"]);
    let china = "arn:aws-cn:sagemaker:cn-north-1:111122223333:endpoint/demo";
    let of_another = "arn:aws:sagemaker:eu-west-1:111122223333:model/demo";
    assert_understood([
        (change(json!([DEMO_ARN]), ours.clone()), retagged_demo(DEMO_ARN)),
        (change(json!([china]), ours.clone()), retagged_demo(china)),
        (change(json!([of_another, DEMO_ARN]), ours.clone()), retagged_demo(DEMO_ARN)),
        (change(json!([DEMO_ARN]), json!(["team"])), ignored(Some("demo"))),
        (change(json!([DEMO_ARN]), json!(["scale-to-zero-status"])), ignored(Some("demo"))),
        (change(json!([DEMO_ARN]), json!([])), ignored(Some("demo"))),
        (change(json!([of_another]), ours.clone()), ignored(None)),
        (change(json!(["arn:aws:ec2:eu-west-1:1:endpoint/demo"]), ours.clone()), ignored(None)),
        (change(json!(["arn:aws:sagemaker:eu-west-1:1:endpoint/demo/variant"]), ours.clone()), ignored(None)),
        (change(json!([]), ours.clone()), ignored(None)),
        (change(json!(DEMO_ARN), ours), ignored(None)),
        (
            json!({ "source": "aws.tag", "detail-type": "Tag Change on Resource", "resources": [DEMO_ARN] }),
            refused("the event \"Tag Change on Resource\" has no detail"),
        ),
    ]);
}

#[test]
fn a_call_that_set_or_took_a_tag_of_ours_is_looked_at_and_no_other() {
    let call = |name: &str, parameters: Value| {
        json!({
            "source": "aws.sagemaker",
            "detail-type": "AWS API Call via CloudTrail",
            "detail": { "eventSource": "sagemaker.amazonaws.com", "eventName": name, "requestParameters": parameters },
        })
    };
    let add = |key: &str| json!({ "resourceArn": DEMO_ARN, "tags": [{ "key": key, "value": "1" }] });
    let delete = |key: &str| json!({ "resourceArn": DEMO_ARN, "tagKeys": [key] });
    let with_error = |code: Value| {
        let mut failed = call("AddTags", add("scale-to-zero:enabled"));
        failed["detail"]["errorCode"] = code;
        failed
    };
    assert_understood([
        (call("AddTags", add("scale-to-zero:enabled")), retagged_demo(DEMO_ARN)),
        (call("DeleteTags", delete("scale-to-zero:enabled")), retagged_demo(DEMO_ARN)),
        (call("AddTags", add("team")), ignored(Some("demo"))),
        (call("DeleteTags", delete("team")), ignored(Some("demo"))),
        (call("AddTags", json!({ "resourceArn": DEMO_ARN })), ignored(Some("demo"))),
        (call("AddTags", json!({ "tags": [{ "key": "scale-to-zero:enabled" }] })), ignored(None)),
        (call("AddTags", json!(null)), ignored(None)),
        (call("CreateEndpoint", add("scale-to-zero:enabled")), ignored(None)),
        (with_error(json!("AccessDenied")), ignored(None)),
        (with_error(json!(null)), retagged_demo(DEMO_ARN)),
        (
            json!({ "source": "aws.sagemaker", "detail-type": "AWS API Call via CloudTrail", "detail": [] }),
            refused("the event \"AWS API Call via CloudTrail\" has no detail"),
        ),
    ]);
}

#[test]
fn a_schedule_sweeps_whoever_has_made_it() {
    for (source, detail) in [("aws.events", json!({})), ("aws.scheduler", json!("{}")), ("of.my.own", json!(null))] {
        let payload = json!({ "source": source, "detail-type": "Scheduled Event", "detail": detail });
        assert_eq!(understood(&payload, &Rules::default()), fleet(FleetVerb::Sweep, None), "{payload}");
    }
}

#[test]
fn a_batch_of_a_queue_is_understood_whole_or_refused() {
    let record = |source: Value| json!({ "messageId": "m-1", "body": "{}", "eventSource": source });
    for records in [
        json!([record(json!("aws:sqs"))]),
        json!([{ "messageId": "m-1", "body": "{}" }]),
        json!([record(json!("aws:sqs")), record(json!("aws:sqs"))]),
        json!([]),
    ] {
        let payload = json!({ "Records": records });
        let Ok(Invocation::Batch(batch)) = parse(&payload, &Rules::default()) else { panic!("{payload}") };
        assert_eq!(batch.records.len(), records.as_array().unwrap().len(), "{payload}");
    }
    for records in [
        json!([record(json!("aws:s3"))]),
        json!([record(json!("aws:sqs")), record(json!("aws:s3"))]),
        json!([{ "body": "{}", "eventSource": "aws:sqs" }]),
    ] {
        let payload = json!({ "Records": records });
        let want = refused("received records that are not from SQS");
        assert_eq!(understood(&payload, &Rules::default()), want, "{payload}");
    }
    for records in [json!("none"), json!(null), json!([5])] {
        let payload = json!({ "Records": records });
        let problem = understood(&payload, &Rules::default()).unwrap_err();
        assert!(problem.starts_with("received records that are not an SQS batch: "), "{problem}");
    }
    let nested = InvalidPayload::nested_batch().to_string();
    assert!(nested.starts_with("received an SQS batch inside an SQS message; accepted are "), "{nested}");
}

/// CloudFormation waits for an answer. Its request is therefore recognised by its own two members alone.
#[test]
fn a_request_of_cloudformation_is_the_stacks() {
    let request = |request_type: &str| {
        json!({
            "RequestType": request_type,
            "ResponseURL": "https://cloudformation-custom-resource-response-euwest1.s3.amazonaws.com/x",
            "StackId": "arn:aws:cloudformation:eu-west-1:111122223333:stack/s/1",
            "RequestId": "r-1",
            "LogicalResourceId": "Check",
            "ResourceType": "Custom::ScaleToZeroCheck",
            "ResourceProperties": {},
        })
    };
    for request_type in ["Create", "Update", "Delete"] {
        let Ok(Invocation::Stack(event)) = parse(&request(request_type), &Rules::default()) else {
            panic!("{request_type}")
        };
        assert_eq!(event.request.as_str(), request_type);
    }
    let without = |key: &str| {
        let mut request = request("Create");
        request.as_object_mut().unwrap().shift_remove(key);
        request
    };
    assert_understood([
        (request("Replace"), refused("received a request from CloudFormation of the unknown type \"Replace\"")),
        (
            without("StackId"),
            refused("received a request from CloudFormation whose StackId is missing or not a string"),
        ),
        (
            without("ResponseURL"),
            refused("received a request from CloudFormation whose ResponseURL is missing or not a string"),
        ),
    ]);
}

#[test]
fn what_nobody_understands_is_named_in_few_words() {
    let keys = |count: usize| Value::Object((0..count).map(|key| (format!("k{key}"), json!(1))).collect());
    let eight = "\"k0\", \"k1\", \"k2\", \"k3\", \"k4\", \"k5\", \"k6\", \"k7\"";
    assert_understood([
        (json!(null), refused("received null")),
        (json!(false), refused("received a boolean")),
        (json!(5), refused("received a number")),
        (json!("apply"), refused("received a string")),
        (json!([{ "action": "sweep" }]), refused("received a list")),
        (json!({}), refused("received an object with no keys")),
        (keys(1), refused("received an object with the keys \"k0\"")),
        (keys(8), refused(&format!("received an object with the keys {eight}"))),
        (keys(9), refused(&format!("received an object with the keys {eight}, …"))),
        (json!({ "detail-type": "Scheduled Event" }), refused("received an object with the keys \"detail-type\"")),
        (
            json!({ "source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification" }),
            refused("received the event \"EC2 Instance State-change Notification\" of \"aws.ec2\""),
        ),
        (
            json!({ "source": "aws.sagemaker", "detail-type": "SageMaker Endpoint Deployment State Change" }),
            refused("received the event \"SageMaker Endpoint Deployment State Change\" of \"aws.sagemaker\""),
        ),
        // Only SageMaker tells of its endpoints, and only the tag service of tags.
        (
            json!({ "source": "of.another", "detail-type": "SageMaker Endpoint State Change" }),
            refused("received the event \"SageMaker Endpoint State Change\" of \"of.another\""),
        ),
        (
            json!({ "source": "aws.sagemaker", "detail-type": "Tag Change on Resource" }),
            refused("received the event \"Tag Change on Resource\" of \"aws.sagemaker\""),
        ),
        (
            json!({ "source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail" }),
            refused("received the event \"AWS API Call via CloudTrail\" of \"aws.ec2\""),
        ),
    ]);
}

#[test]
fn an_invocation_names_the_endpoint_that_it_is_about() {
    let rules = Rules::default();
    let of = |action: &str| json!({ "action": action, "endpoint": "demo" });
    for payload in [
        of("apply"),
        of("explain"),
        of("advise"),
        of("status"),
        of("wake"),
        state_change("UPDATING", &json!({})),
        state_change("FAILED", &json!({})),
    ] {
        assert_eq!(parse(&payload, &rules).unwrap().endpoint(), Some(&demo()), "{payload}");
    }
    for payload in [
        json!({ "action": "sweep", "after": "demo" }),
        json!({ "action": "status", "after": "demo" }),
        json!({ "action": "savings", "after": "demo" }),
        json!({ "Records": [] }),
        json!({ "source": "aws.tag", "detail-type": "Tag Change on Resource", "detail": {} }),
    ] {
        assert_eq!(parse(&payload, &rules).unwrap().endpoint(), None, "{payload}");
    }
}

#[test]
fn what_a_sweep_hands_over_is_understood_by_whoever_gets_it() {
    let gone = VariantName::new("Old").unwrap();
    let read = |message: &str| {
        let (payload, put_off) = read_message(message).unwrap();
        assert_eq!(put_off, 0);
        (is_work(&payload), parse(&payload, &Rules::default()).unwrap())
    };
    let about = |verb, variants| {
        let hints = Hints { variants, ..likely() };
        Invocation::Endpoint { verb, name: demo(), arn: None, hints }
    };
    for (verb, is_work, by_endpoint) in [(FleetVerb::Sweep, true, Verb::Work), (FleetVerb::Remove, false, Verb::Remove)]
    {
        for variants in [vec![], vec![gone.clone()]] {
            let message = work_message(verb, &demo(), &variants);
            assert_eq!(read(&message), (is_work, about(by_endpoint, variants)), "{message}");
        }
        let want = Invocation::Fleet { verb, after: Some(demo()) };
        assert_eq!(read(&rest_message(verb, &demo())), (false, want));
    }
    let plan = rest_message(FleetVerb::Plan, &demo());
    assert_eq!(read(&plan).1, Invocation::Fleet { verb: FleetVerb::Plan, after: Some(demo()) });
    assert!(!work_message(FleetVerb::Sweep, &demo(), &[]).contains("variants"), "the shortest message that does");
}

#[test]
fn variants_that_no_endpoint_can_have_are_left_out_of_a_message() {
    let payload = json!({ "action": "reconcile", "endpoint": "demo", "variants": ["Old", "no name", 5, null] });
    let hints = Hints { variants: vec![VariantName::new("Old").unwrap()], ..likely() };
    assert_eq!(understood(&payload, &Rules::default()), about_demo(Verb::Work, hints));
}

#[test]
fn how_often_work_was_put_off_goes_with_it_and_changes_nothing_else() {
    let work: Value = serde_json::from_str(&work_message(FleetVerb::Sweep, &demo(), &[])).unwrap();
    for times in [1, 2, u32::MAX] {
        assert_eq!(read_message(&put_off_message(&work, times)), Ok((work.clone(), times)));
    }
    let again: Value = serde_json::from_str(&put_off_message(&work, 1)).unwrap();
    assert_eq!(read_message(&put_off_message(&again, 2)), Ok((work.clone(), 2)));
    // What isn't a count of ours puts nothing off.
    for (count, want) in [(json!("3"), 0), (json!(-1), 0), (json!(4_294_967_296_u64), 0), (json!(3), 3)] {
        let mut message = work.clone();
        message["putOff"] = count.clone();
        assert_eq!(read_message(&message.to_string()), Ok((work.clone(), want)), "{count}");
    }
    assert_eq!(read_message("[1]"), Ok((json!([1]), 0)));
    assert_eq!(put_off_message(&json!("x"), 1), "\"x\"");
    let problem = read_message("{\"action\":").unwrap_err().to_string();
    assert!(problem.starts_with("received a message that is not JSON: EOF while parsing"), "{problem}");
}

#[test]
fn an_event_is_told_from_an_action_and_from_work() {
    for (payload, event, work) in [
        (state_change("IN_SERVICE", &json!({})), true, false),
        (json!({ "source": "aws.events", "detail-type": "Scheduled Event" }), true, false),
        (json!({ "action": "apply", "endpoint": "demo" }), false, false),
        (json!({ "action": "reconcile", "endpoint": "demo" }), false, true),
        // Whoever adds an action to an event has asked for the action.
        (json!({ "action": "reconcile", "detail-type": "x" }), false, true),
        (json!({}), false, false),
        (json!("reconcile"), false, false),
    ] {
        assert_eq!((is_event(&payload), is_work(&payload)), (event, work), "{payload}");
    }
}
