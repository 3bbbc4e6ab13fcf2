//! The reads of a sweep: the whole Region in bulk, and of single endpoints only what bulk reads don't tell.

use std::collections::{BTreeMap, HashMap};

use super::autoscaling::{PolicyArns, Registered, add_action, add_policy};
use super::cloudwatch::add_alarms;
use super::lists::List;
use super::sagemaker::Described;
use super::{ApiError, Aws};
use crate::reconcile::{
    ALARM_PREFIX, Endpoint, EndpointName, EndpointStatus, Present, Scaling, Tagged, Tags, VariantName, variant_of,
};

/// In error messages, what a bulk read is about.
const FLEET: &str = "all endpoints";

/// The most items that `ListEndpoints` and `GetResources` answer on a page.
const LONGEST_PAGE: i32 = 100;

/// Everything about scaling in a Region that can be read in bulk.
#[derive(Debug, Default)]
pub struct Survey {
    pub endpoints: BTreeMap<EndpointName, Listed>,
    /// By endpoint, whether it still exists or not.
    pub scaling: BTreeMap<EndpointName, BTreeMap<VariantName, Scaling>>,
    /// The tags of what was made for each endpoint, where they were asked for.
    pub tags_present: BTreeMap<EndpointName, Present>,
}

/// What may carry tags, by ARN.
pub(super) type Taggable = BTreeMap<String, (EndpointName, VariantName, Tagged)>;

/// What lists tell about an endpoint.
#[derive(Debug, Clone)]
pub struct Listed {
    pub status: EndpointStatus,
    pub tags: Tags,
}

impl Aws {
    /// Reads the Region. The lists are eventually consistent: whatever follows from them is looked at once more
    /// before anything is written.
    ///
    /// # Errors
    /// Whatever list fails for good.
    pub async fn survey(&self, with_tags: bool) -> Result<Survey, ApiError> {
        let (endpoints, tags, targets, policies, actions, alarms) = tokio::try_join!(
            self.list_endpoints(),
            self.list_endpoint_tags(),
            self.describe_targets(None, FLEET),
            self.describe_policies(None, FLEET),
            self.describe_actions(None, FLEET),
            self.describe_alarms_by(ALARM_PREFIX, FLEET)
        )?;
        let mut variants: BTreeMap<(EndpointName, VariantName), (Scaling, PolicyArns)> = BTreeMap::new();
        let mut taggable = Taggable::new();
        for (id, Registered { target, arn }) in targets {
            if let Some((endpoint, variant)) = variant_of(&id) {
                taggable.extend(arn.map(|arn| (arn, (endpoint.clone(), variant.clone(), Tagged::ScalableTarget))));
                variants.entry((endpoint, variant)).or_default().0.target = Some(target);
            }
        }
        for policy in policies {
            if let Some(variant) = variant_of(&policy.resource_id) {
                let (scaling, arns) = variants.entry(variant).or_default();
                add_policy(scaling, arns, policy);
            }
        }
        for action in actions {
            if let Some(variant) = variant_of(&action.resource_id) {
                add_action(&mut variants.entry(variant).or_default().0, &action);
            }
        }
        for (endpoint, alarms) in alarms {
            for (variant, alarms) in alarms {
                taggable.extend(alarms.iter().filter_map(|(kind, alarm)| {
                    Some((alarm.alarm_arn.clone()?, (endpoint.clone(), variant.clone(), Tagged::Alarm(*kind))))
                }));
                let (scaling, arns) = variants.entry((endpoint.clone(), variant)).or_default();
                add_alarms(scaling, arns, alarms);
            }
        }
        let mut survey = Survey { endpoints: join(endpoints, tags), ..Survey::default() };
        for ((endpoint, variant), (scaling, _)) in variants {
            survey.scaling.entry(endpoint).or_default().insert(variant, scaling);
        }
        if with_tags {
            survey.tags_present = self.tags_by_endpoint(taggable).await?;
        }
        Ok(survey)
    }

    /// The endpoints of the Region with their tags, and nothing about their scaling.
    ///
    /// # Errors
    /// Whatever list fails for good.
    pub async fn endpoints(&self) -> Result<BTreeMap<EndpointName, Listed>, ApiError> {
        let (endpoints, tags) = tokio::try_join!(self.list_endpoints(), self.list_endpoint_tags())?;
        Ok(join(endpoints, tags))
    }

    /// One endpoint of a survey, as it is now; `None` where it has gone meanwhile.
    ///
    /// Its configuration is read once in the life of this process: configurations never change.
    ///
    /// # Errors
    /// Whatever read fails for good.
    pub async fn look(&self, name: &EndpointName, tags: &Tags) -> Result<Option<Endpoint>, ApiError> {
        let Some(Described { mut endpoint, config_name, .. }) = self.describe_endpoint(name).await? else {
            return Ok(None);
        };
        endpoint.tags = tags.clone();
        if let Some(config_name) = config_name {
            let config = match self.remembered_config(&config_name) {
                Some(config) => config,
                None => self.describe_endpoint_config(name, &config_name).await?,
            };
            config.complete(&mut endpoint);
        }
        Ok(Some(endpoint))
    }

    async fn list_endpoints(&self) -> Result<Vec<(EndpointName, String, EndpointStatus)>, ApiError> {
        let list = List { operation: "ListEndpoints", label: FLEET };
        let pages = self.sagemaker.list_endpoints().max_results(LONGEST_PAGE).into_paginator().send();
        let found = list.every(pages, |page| page.endpoints.ok_or("Endpoints")).await?;
        let listed = found.into_iter().filter_map(|endpoint| {
            let status = super::sagemaker::status(endpoint.endpoint_status());
            Some((endpoint.endpoint_name().and_then(EndpointName::new)?, endpoint.endpoint_arn?, status))
        });
        Ok(listed.collect())
    }

    /// The tags of all endpoints that have any, by ARN in lower case: the services don't agree on its spelling.
    async fn list_endpoint_tags(&self) -> Result<HashMap<String, Tags>, ApiError> {
        let mut found = HashMap::new();
        let list = resource_list();
        let pages = self
            .tagging
            .get_resources()
            .resource_type_filters("sagemaker:endpoint")
            .resources_per_page(LONGEST_PAGE)
            .into_paginator()
            .send();
        for resource in list.every(pages, |page| page.resource_tag_mapping_list.ok_or(MAPPINGS)).await? {
            // Endpoints that once had tags are listed too. Whatever this leads to, ListTags is asked before it is done.
            let tags = resource.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
            if let Some(arn) = resource.resource_arn {
                found.insert(arn.to_lowercase(), tags);
            }
        }
        Ok(found)
    }
}

/// The member of the answer of `GetResources`.
pub(super) const MAPPINGS: &str = "ResourceTagMappingList";

pub(super) fn resource_list() -> List<'static> {
    List { operation: "GetResources", label: FLEET }
}

fn join(
    endpoints: Vec<(EndpointName, String, EndpointStatus)>,
    mut tags: HashMap<String, Tags>,
) -> BTreeMap<EndpointName, Listed> {
    let listed = endpoints.into_iter().map(|(name, arn, status)| {
        let tags = tags.remove(&arn.to_lowercase()).unwrap_or_default();
        (name, Listed { status, tags })
    });
    listed.collect()
}
