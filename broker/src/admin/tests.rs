use super::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

struct Served {
    address: SocketAddr,
    health: Health,
    metrics: Metrics,
}

async fn serve() -> Served {
    let port = AdminPort::bind("127.0.0.1:0").await.expect("binds");
    let served = Served { address: port.address(), health: Health::default(), metrics: Metrics::new() };
    tokio::spawn(port.serve(served.health.clone(), served.metrics.clone(), Handle::current()));
    served
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.expect("writes");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("ends");
    answer
}

#[tokio::test]
async fn readiness_follows_the_life_of_the_broker() {
    let served = serve().await;
    for (readiness, status, body) in [
        (Readiness::Starting, "503", "starting\n"),
        (Readiness::Ready, "200", "ready\n"),
        (Readiness::Fenced, "503", "fenced: the controller does not hear this broker\n"),
        (Readiness::Stopping, "503", "stopping\n"),
        (Readiness::Failed, "503", "the data folder is gone\n"),
    ] {
        served.health.set(readiness);
        let answer = ask(served.address, "GET /readyz").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.ends_with(body), "{answer}");
    }
}

#[tokio::test]
async fn it_is_alive_while_it_starts() {
    let served = serve().await;
    let answer = ask(served.address, "GET /livez").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
}

#[tokio::test]
async fn metrics_come_in_the_format_of_prometheus() {
    let served = serve().await;
    served.metrics.topic(&"orders".into()).messages_in.add(3);
    let answer = ask(served.address, "GET /metrics").await;
    assert!(answer.contains("\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
    assert!(answer.contains("\nkafka_server_brokertopicmetrics_messagesin_total{topic=\"orders\"} 3\n"), "{answer}");
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let served = serve().await;
    assert!(ask(served.address, "GET /").await.starts_with("HTTP/1.1 404"));
    assert!(ask(served.address, "POST /metrics").await.starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_what_to_do() {
    let first = AdminPort::bind("127.0.0.1:0").await.expect("binds");
    let error = AdminPort::bind(&first.address().to_string()).await.expect_err("is refused");
    let message = format!("{error:#}");
    assert!(message.starts_with(&format!("open the admin port {}", first.address())), "{message}");
    assert!(message.contains("--admin-listen"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_cut() {
    let served = serve().await;
    let mut stream = TcpStream::connect(served.address).await.expect("connects");
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
}

#[test]
fn fencing_shows_only_while_the_broker_serves() {
    let health = Health::default();
    health.serve(false);
    assert_eq!(health.get(), Readiness::Starting);
    health.set(Readiness::Ready);
    for (may_lead, expected) in [(false, Readiness::Fenced), (true, Readiness::Ready)] {
        health.serve(may_lead);
        assert_eq!(health.get(), expected);
    }
    health.set(Readiness::Stopping);
    health.serve(true);
    assert_eq!(health.get(), Readiness::Stopping);
}
