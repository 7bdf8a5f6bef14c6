//! AlterConfigs: replaces everything set on a resource; what the request does not name is reset.

use super::{
    RequestContext,
    config_words::{self, Refusal},
};
use controller::requests::{AlterConfigResource, AlterOperation};
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, alter_configs_request::AlterConfigsResource,
    alter_configs_response::AlterConfigsResourceResponse,
};

pub(crate) async fn handle(context: &RequestContext, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let items = request.resources.iter().map(|resource| read(context, resource)).collect();
    let results = config_words::alter(context, items, request.validate_only).await;
    let responses = request.resources.into_iter().zip(results).map(|(resource, result)| {
        let (code, message) = result.map_or_else(|(code, message)| (code, Some(message)), |()| (0, None));
        AlterConfigsResourceResponse::default()
            .with_error_code(code)
            .with_error_message(message)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

fn read(context: &RequestContext, asked: &AlterConfigsResource) -> Result<AlterConfigResource, Refusal> {
    let resource = config_words::resource(context, asked.resource_type, &asked.resource_name)?;
    let mut configs = Vec::new();
    for config in &asked.configs {
        config_words::check_dynamic(&resource, &config.name, config.value.as_deref())?;
        configs.push((config.name.to_string(), config.value.as_ref().map(ToString::to_string)));
    }
    Ok(AlterConfigResource { resource, operation: AlterOperation::Replace(configs) })
}
