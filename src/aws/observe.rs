//! All reads about one endpoint, in as few round trips as their dependencies allow.
//!
//! Every other read but one needs the answer of `DescribeEndpoint`. The exception are our alarms, which are found by the
//! endpoint's name alone, and are read beside it. If there are alarms, we have configured this endpoint before: all other reads
//! then go out at once, which makes two round trips. If there are none, the tags are read first. An endpoint that isn't managed
//! then costs three reads, and one that has opted out four.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_applicationautoscaling::types::ScalingPolicy;
use aws_sdk_cloudwatch::types::MetricAlarm;
use futures_util::future::try_join_all;

use super::autoscaling::{PolicyArns, Registered, add_action, add_policy};
use super::cloudwatch::{Alarms, add_alarms};
use super::sagemaker::Described;
use super::{ApiError, Aws, Particulars};
use crate::reconcile::{
    AlarmKind, Endpoint, EndpointName, EndpointStatus, Hints, PolicyName, Rules, Scaling, Tagged, Tags, VariantName,
    Wish, resource_id,
};

/// What AWS says about one endpoint now.
#[derive(Debug)]
pub struct Observed {
    /// In the spelling that SageMaker keeps.
    pub name: EndpointName,
    /// `None`: there is no such endpoint.
    pub endpoint: Option<Endpoint>,
    /// `EndpointStatus` in SageMaker's own word.
    pub status: Option<String>,
    /// It is changed otherwise than by its numbers of instances.
    pub is_deploying: bool,
    pub particulars: Particulars,
    /// Of the endpoint; only tags are written by it.
    pub(super) arn: Option<String>,
    /// Of the endpoint's variants, and of those that are gone but left something behind. Empty where nothing of ours
    /// is expected.
    pub scaling: BTreeMap<VariantName, Scaling>,
    /// The ARNs of the policies in `scaling`, for the alarms that drive them.
    pub(super) policy_arns: BTreeMap<VariantName, PolicyArns>,
    /// The ARNs of what can carry a tag of the endpoint.
    pub(super) taggable: BTreeMap<(VariantName, Tagged), String>,
    /// The endpoint's tags that are copied to what the function makes for it.
    pub tags_along: Tags,
    /// The names of the alarms that AWS has made for our target tracking.
    pub(super) tracking_alarms: BTreeMap<VariantName, Vec<String>>,
}

impl Aws {
    /// Reads all that a decision about the endpoint depends on.
    ///
    /// # Errors
    /// Whatever read fails for good.
    pub async fn observe(&self, name: &EndpointName, rules: &Rules, hints: &Hints) -> Result<Observed, ApiError> {
        let (described, alarms) = tokio::try_join!(self.describe_endpoint(name), self.describe_alarms(name))?;
        let Some(Described { mut endpoint, status, arn, config_name, is_deploying, mut particulars, .. }) = described
        else {
            let variants = alarms.keys().chain(&hints.variants).cloned().collect();
            return self.observe_scaling(name.clone(), variants, alarms).await;
        };
        // The name came in another spelling, and the alarms were looked for under that.
        let alarms = if endpoint.name == *name { alarms } else { self.describe_alarms(&endpoint.name).await? };
        let name = endpoint.name.clone();
        let variants: BTreeSet<VariantName> =
            endpoint.variants.iter().map(|it| &it.name).chain(alarms.keys()).chain(&hints.variants).cloned().collect();
        match endpoint.status {
            EndpointStatus::InService => {}
            EndpointStatus::Deleting => {
                let observed = self.observe_scaling(name, variants, alarms).await?;
                return Ok(Observed { endpoint: Some(endpoint), status, ..observed });
            }
            EndpointStatus::Failed | EndpointStatus::Other if hints.in_any_status => {}
            EndpointStatus::Failed | EndpointStatus::Other => {
                return Ok(Observed { endpoint: Some(endpoint), status, ..Observed::bare(name) });
            }
        }
        let configuration = async {
            match &config_name {
                Some(config_name) => self.describe_endpoint_config(&name, config_name).await.map(Some),
                None => Ok(None),
            }
        };
        let (config, observed);
        if hints.is_likely_ours || !alarms.is_empty() {
            (endpoint.tags, config, observed) = tokio::try_join!(
                self.list_tags(&name, &arn),
                configuration,
                self.observe_scaling(name.clone(), variants, alarms)
            )?;
        } else {
            endpoint.tags = self.list_tags(&name, &arn).await?;
            let is_ours = match rules.read(&endpoint.tags) {
                Ok(Wish::None) => false,
                // It may have been managed, with settings that need no alarm.
                Ok(Wish::OptOut) => self.has_own_policy(&name, &variants).await?,
                Ok(Wish::Managed(_)) | Err(_) => true,
            };
            if is_ours {
                (config, observed) =
                    tokio::try_join!(configuration, self.observe_scaling(name.clone(), variants, alarms))?;
            } else {
                (config, observed) = (None, Observed::bare(name.clone()));
            }
        }
        if let Some(config) = config {
            config.complete(&mut endpoint);
            config.add_to(&mut particulars);
        }
        Ok(Observed { endpoint: Some(endpoint), particulars, status, is_deploying, arn: Some(arn), ..observed })
    }

    async fn has_own_policy(
        &self,
        endpoint: &EndpointName,
        variants: &BTreeSet<VariantName>,
    ) -> Result<bool, ApiError> {
        let policies = try_join_all(variants.iter().map(|variant| async move {
            let label = format!("endpoint {endpoint}, variant {variant}");
            self.describe_policies(Some(&resource_id(endpoint, variant)), &label).await
        }));
        Ok(policies.await?.iter().flatten().any(|policy| PolicyName::owned(&policy.policy_name).is_some()))
    }

    /// Reads what Application Auto Scaling holds for the variants, and joins it with their alarms.
    async fn observe_scaling(
        &self,
        name: EndpointName,
        variants: BTreeSet<VariantName>,
        mut alarms: Alarms,
    ) -> Result<Observed, ApiError> {
        let mut observed = Observed::bare(name);
        if variants.is_empty() {
            return Ok(observed);
        }
        let name = &observed.name;
        let ids: Vec<String> = variants.iter().map(|variant| resource_id(name, variant)).collect();
        let label = format!("endpoint {name}");
        let policies_and_actions = try_join_all(variants.iter().zip(&ids).map(|(variant, id)| async move {
            let label = format!("endpoint {name}, variant {variant}");
            tokio::try_join!(self.describe_policies(Some(id), &label), self.describe_actions(Some(id), &label))
        }));
        let (mut targets, policies_and_actions) =
            tokio::try_join!(self.describe_targets(Some(&ids), &label), policies_and_actions)?;
        for ((variant, id), (policies, actions)) in variants.into_iter().zip(ids).zip(policies_and_actions) {
            let (mut scaling, mut arns) = (Scaling::default(), PolicyArns::new());
            if let Some(Registered { target, arn }) = targets.remove(&id) {
                scaling.target = Some(target);
                observed.taggable.extend(arn.map(|arn| ((variant.clone(), Tagged::ScalableTarget), arn)));
            }
            let is_tracking = |policy: &&ScalingPolicy| policy.policy_name == PolicyName::Backlog.as_str();
            let alarms_made = policies.iter().filter(is_tracking).flat_map(ScalingPolicy::alarms);
            let names = alarms_made.map(|alarm| alarm.alarm_name.clone()).collect();
            observed.tracking_alarms.insert(variant.clone(), names);
            for policy in policies {
                add_policy(&mut scaling, &mut arns, policy);
            }
            for action in actions {
                add_action(&mut scaling, &action);
            }
            let alarms = alarms.remove(&variant).unwrap_or_default();
            let alarm_arn = |(kind, alarm): (&AlarmKind, &MetricAlarm)| {
                Some(((variant.clone(), Tagged::Alarm(*kind)), alarm.alarm_arn.clone()?))
            };
            observed.taggable.extend(alarms.iter().filter_map(alarm_arn));
            add_alarms(&mut scaling, &arns, alarms);
            observed.scaling.insert(variant.clone(), scaling);
            observed.policy_arns.insert(variant, arns);
        }
        Ok(observed)
    }
}

impl Observed {
    pub(super) fn bare(name: EndpointName) -> Self {
        Self {
            name,
            endpoint: None,
            particulars: Particulars::default(),
            arn: None,
            status: None,
            is_deploying: false,
            scaling: BTreeMap::new(),
            policy_arns: BTreeMap::new(),
            taggable: BTreeMap::new(),
            tags_along: Tags::new(),
            tracking_alarms: BTreeMap::new(),
        }
    }
}
