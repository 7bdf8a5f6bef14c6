use super::*;
use http::{Request, Response};
use kube::client::Body;
use tokio::time::Instant;

/// An API server that takes every request and answers none.
fn silent() -> Client {
    let silence = |_: Request<Body>| std::future::pending::<Result<Response<Body>, kube::Error>>();
    Client::new(tower::service_fn(silence), "shop")
}

#[tokio::test(start_paused = true)]
async fn reconciliation_ends_though_nothing_is_answered() {
    let (client, metrics) = (silent(), Arc::new(Metrics::default()));
    let (changed, _told) = mpsc::channel(1);
    let context = Context {
        controllers: Controllers::new(client.clone(), vec![], vec![]),
        defaults: crate::valid_cluster::tests::defaults(),
        holder: "a".to_owned(),
        caches: Caches::start(&client, &Scope::All, &changed),
        events: Events::new(client.clone(), "a", Arc::clone(&metrics)),
        held: Held::new(vec![]),
        metrics,
        client,
    };
    let cluster = crate::valid_cluster::tests::cluster("{storage: {size: 1Gi}}");
    let began = Instant::now();
    let error = reconcile(Arc::new(cluster), Arc::new(context)).await.unwrap_err();
    assert!(error.to_string().contains("60 s"), "{error}");
    assert_eq!(began.elapsed(), Duration::from_secs(60));
}
