//! Tags of an endpoint that go along to what is made for it: read where they may be missing, and put there.

use std::collections::{BTreeMap, HashMap};

use futures_util::future::try_join_all;

use super::cloudwatch::tag;
use super::survey::{MAPPINGS, Taggable, resource_list};
use super::{ApiError, Aws, Observed};
use crate::reconcile::{EndpointName, Present, Tagged, Tags};

/// `GetResources` takes a hundred at once, and answers fifty on a page.
const MOST_ARNS: usize = 50;

impl Aws {
    /// The tags of everything that was observed and can carry some. A call each, side by side.
    ///
    /// # Errors
    /// Whatever `ListTagsForResource` fails for good.
    pub async fn tags_present(&self, observed: &Observed) -> Result<Present, ApiError> {
        let reads = observed.taggable.iter().map(|((variant, what), arn)| async move {
            let label = format!("endpoint {}, variant {variant}", observed.name);
            let tags = match what {
                Tagged::ScalableTarget => self.list_target_tags(arn, &label).await?,
                Tagged::Alarm(_) => self.list_alarm_tags(arn, &label).await?,
            };
            Ok(((variant.clone(), *what), tags))
        });
        Ok(try_join_all(reads).await?.into_iter().collect())
    }

    /// The same for many endpoints, from the index of tags, which lags behind: a call for fifty of them. What the index
    /// doesn't know has never had a tag.
    pub(super) async fn tags_by_endpoint(
        &self,
        taggable: Taggable,
    ) -> Result<BTreeMap<EndpointName, Present>, ApiError> {
        let arns: Vec<String> = taggable.keys().cloned().collect();
        let reads = arns.chunks(MOST_ARNS).map(|arns| async {
            let listed = self.tagging.get_resources().set_resource_arn_list(Some(arns.to_vec())).send().await;
            resource_list().of_page(listed, |page| page.resource_tag_mapping_list.ok_or(MAPPINGS))
        });
        let mut tags: HashMap<String, Tags> = HashMap::new();
        for resource in try_join_all(reads).await?.into_iter().flatten() {
            let found = resource.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
            tags.extend(resource.resource_arn.map(|arn| (arn, found)));
        }
        let mut present: BTreeMap<EndpointName, Present> = BTreeMap::new();
        for (arn, (endpoint, variant, what)) in taggable {
            let tags = tags.remove(&arn).unwrap_or_default();
            present.entry(endpoint).or_default().insert((variant, what), tags);
        }
        Ok(present)
    }

    // Whether these two leave out what is empty isn't recorded. Taken for none, tags are put there that are there already.

    async fn list_target_tags(&self, arn: &str, label: &str) -> Result<Tags, ApiError> {
        let listed = self.autoscaling.list_tags_for_resource().resource_arn(arn).send().await;
        let listed = listed.map_err(|error| ApiError::new("ListTagsForResource", label, &error))?;
        Ok(listed.tags.unwrap_or_default().into_iter().collect())
    }

    async fn list_alarm_tags(&self, arn: &str, label: &str) -> Result<Tags, ApiError> {
        let listed = self.cloudwatch.list_tags_for_resource().resource_arn(arn).send().await;
        let listed = listed.map_err(|error| ApiError::new("ListTagsForResource", label, &error))?;
        let pair = |tag: aws_sdk_cloudwatch::types::Tag| Some((tag.key?, tag.value?));
        Ok(listed.tags.unwrap_or_default().into_iter().filter_map(pair).collect())
    }

    /// Adds these tags to those that something has.
    pub(super) async fn tag(&self, what: Tagged, arn: &str, tags: &Tags, label: &str) -> Result<(), ApiError> {
        match what {
            Tagged::ScalableTarget => {
                let tags = tags.clone().into_iter().collect();
                let sent = self.autoscaling.tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await;
                sent.map(|_| ()).map_err(|error| ApiError::new("TagResource", label, &error))
            }
            Tagged::Alarm(_) => {
                let tags = tags.iter().map(tag).collect();
                let sent = self.cloudwatch.tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await;
                sent.map(|_| ()).map_err(|error| ApiError::new("TagResource", label, &error))
            }
        }
    }
}
