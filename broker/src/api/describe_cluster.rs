//! DescribeCluster: the brokers, for administration clients.

use super::{
    RequestContext,
    topic_words::{CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED, controller_id, reachable_brokers, text},
};
use controller::{BrokerRegistration, Endpoint};
use kafka_protocol::{
    ResponseError as Code,
    messages::{
        BrokerId as WireBrokerId, DescribeClusterRequest, DescribeClusterResponse,
        describe_cluster_response::DescribeClusterBroker,
    },
};

/// Kafka's endpoint type of listeners for clients; 2 is that of its controllers, which we do not have.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(crate) async fn handle(context: &RequestContext, request: DescribeClusterRequest) -> DescribeClusterResponse {
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => {
            return refuse(Code::MismatchedEndpointType, "this is a listener of brokers, not of controllers");
        }
        _ => return refuse(Code::UnsupportedEndpointType, "there is no such endpoint type"),
    }
    let image = context.broker.metadata.current();
    let mut brokers: Vec<_> =
        reachable_brokers(&image, context).map(|(broker, endpoint)| on_the_wire(broker, endpoint)).collect();
    if request.include_fenced_brokers && context.version >= 2 {
        let fenced = image.brokers.values().filter(|broker| broker.fenced);
        let reachable = fenced.filter_map(|broker| Some((broker, broker.endpoint(context.listener.as_str())?)));
        brokers.extend(reachable.map(|(broker, endpoint)| on_the_wire(broker, endpoint).with_is_fenced(true)));
    }
    let operations =
        if request.include_cluster_authorized_operations { CLUSTER_OPERATIONS } else { OPERATIONS_NOT_ASKED };
    DescribeClusterResponse::default()
        .with_endpoint_type(BROKERS)
        .with_cluster_id(text(&*image.cluster_id))
        .with_controller_id(controller_id(&image, context))
        .with_brokers(brokers)
        .with_cluster_authorized_operations(operations)
}

fn refuse(code: Code, why: &str) -> DescribeClusterResponse {
    DescribeClusterResponse::default()
        .with_error_code(code.code())
        .with_error_message(Some(text(why)))
        .with_controller_id(WireBrokerId(-1))
}

fn on_the_wire(broker: &BrokerRegistration, endpoint: &Endpoint) -> DescribeClusterBroker {
    DescribeClusterBroker::default()
        .with_broker_id(WireBrokerId(broker.id.0))
        .with_host(text(&*endpoint.host))
        .with_port(i32::from(endpoint.port))
        .with_rack(broker.rack.clone().map(text))
}
