//! IncrementalAlterConfigs: sets, deletes, appends to and subtracts from single keys (KIP-339).

use super::{
    RequestContext,
    config_words::{self, Refusal, refusal},
};
use crate::config::{ConfigType, Definition};
use controller::requests::{AlterConfigResource, AlterOperation, ConfigResource, IncrementalChange, IncrementalKind};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
        incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
        incremental_alter_configs_response::AlterConfigsResourceResponse,
    },
};

pub(crate) async fn handle(
    context: &RequestContext,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
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
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn read(context: &RequestContext, asked: &AlterConfigsResource) -> Result<AlterConfigResource, Refusal> {
    let resource = config_words::resource(context, asked.resource_type, &asked.resource_name)?;
    let changes = asked.configs.iter().map(|config| change(&resource, config)).collect::<Result<_, _>>()?;
    Ok(AlterConfigResource { resource, operation: AlterOperation::Incremental(changes) })
}

fn change(resource: &ConfigResource, config: &AlterableConfig) -> Result<IncrementalChange, Refusal> {
    let kind = match config.config_operation {
        0 => IncrementalKind::Set,
        1 => IncrementalKind::Delete,
        2 => IncrementalKind::Append,
        3 => IncrementalKind::Subtract,
        other => return Err(refusal(Code::InvalidRequest, format!("unknown operation {other}"))),
    };
    let value = config.value.as_deref().filter(|_| kind != IncrementalKind::Delete);
    config_words::check_dynamic(resource, &config.name, value)?;
    let mut list_default = None;
    if let (ConfigResource::Broker(_), Some(definition)) = (resource, Definition::find(&config.name)) {
        let on_list = matches!(kind, IncrementalKind::Append | IncrementalKind::Subtract);
        if on_list && definition.config_type != ConfigType::List {
            return Err(refusal(Code::InvalidConfig, format!("{} is not a list", definition.name)));
        }
        list_default = definition.default.map(str::to_owned);
    }
    Ok(IncrementalChange { name: config.name.to_string(), kind, value: value.map(str::to_owned), list_default })
}
