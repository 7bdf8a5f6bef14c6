use super::{valid_topic::tests::resource, *};
use http::{Request, Response};
use kube::client::Body;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn reconciliation_ends_though_nothing_is_answered() {
    let silence = |_: Request<Body>| std::future::pending::<Result<Response<Body>, kube::Error>>();
    let client = Client::new(tower::service_fn(silence), "shop");
    let metrics = Arc::new(Metrics::default());
    let reconciler = Reconciler {
        controllers: Controllers::new(client.clone(), vec![], vec![], Arc::clone(&metrics)),
        resources: Resources::new(&[]),
        held: Held::new(vec![]),
        events: Events::new(client.clone(), "a", Arc::clone(&metrics)),
        pace: Pace::default(),
        settling: Settling::default(),
        absences: Absences::default(),
        away: Absences::default(),
        metrics,
        client,
    };
    let began = Instant::now();
    let error = reconcile(Arc::new(resource("{}")), Arc::new(reconciler)).await.unwrap_err();
    assert!(error.to_string().contains("30 s"), "{error}");
    assert_eq!(began.elapsed(), Duration::from_secs(30));
}
