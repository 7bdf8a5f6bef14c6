use super::*;
use std::{fs::File, io::Write};

fn file_of(size: usize) -> (Arc<File>, Vec<u8>) {
    let bytes: Vec<u8> = (0..size).map(|index| (index * 31 % 251) as u8).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    (Arc::new(file), bytes)
}

fn prefix(context: &RequestContext, body: usize) -> Bytes {
    let length = i32::try_from(4 + body).unwrap();
    [length.to_be_bytes(), context.correlation_id.to_be_bytes()].concat().into()
}

#[tokio::test]
async fn memory_and_file_extents_arrive_as_one_response() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.heartbeat("a"), client.api_versions()];
    client.send(&frames).await;
    let (_, reply, context) = stage.started().await;
    let (file, bytes) = file_of(3_000_000);
    let middle = Bytes::from(vec![9; 100_000]);
    let extents = [(1usize, 2_500_001usize), (17, 300_000)];
    let expected = [&bytes[1..2_500_002], &middle, &bytes[17..300_017], b"end"].concat();
    let extent = |(position, length): (usize, usize)| Piece::FileExtent {
        file: file.clone(),
        position: position as u64,
        length,
    };
    let pieces = vec![
        Piece::Bytes(prefix(&context, expected.len())),
        extent(extents[0]),
        Piece::Bytes(Bytes::new()),
        Piece::Bytes(middle),
        extent(extents[1]),
        Piece::Bytes(Bytes::from_static(b"end")),
    ];
    reply.send(Response::Pieces(pieces)).unwrap();
    let frame = client.receive_frame().await;
    assert_eq!(frame.slice(..4), Bytes::from_static(&[0; 4]));
    assert!(frame.slice(4..) == expected, "body differs");
    assert_eq!(client.receive().await, 1);
}

#[tokio::test]
async fn a_response_of_very_many_pieces_arrives_whole() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.heartbeat("a")];
    client.send(&frames).await;
    let (_, reply, context) = stage.started().await;
    let parts: Vec<Bytes> = (0..2000usize).map(|index| vec![index as u8; index % 700].into()).collect();
    let expected = parts.concat();
    let mut pieces = vec![Piece::Bytes(prefix(&context, expected.len()))];
    pieces.extend(parts.into_iter().map(Piece::Bytes));
    reply.send(Response::Pieces(pieces)).unwrap();
    assert!(client.receive_frame().await.slice(4..) == expected, "body differs");
}

#[tokio::test]
async fn a_file_shorter_than_promised_closes_the_connection() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames = [client.heartbeat("a")];
    client.send(&frames).await;
    let (_, reply, context) = stage.started().await;
    let (file, bytes) = file_of(300_000);
    let extent = Piece::FileExtent { file, position: 0, length: 400_000 };
    reply.send(Response::Pieces(vec![Piece::Bytes(prefix(&context, 400_000)), extent])).unwrap();
    let mut received = Vec::new();
    client.stream.read_to_end(&mut received).await.unwrap();
    assert_eq!(received.len(), 8 + bytes.len());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_served_further() {
    let mut stage = Stage::new().await;
    let mut client = stage.connect().await;
    let frames: Vec<_> = (0..100).map(|step| client.produce(&step.to_string())).collect();
    client.send(&frames).await;
    let body = Bytes::from(vec![1; 16 << 20]);
    for _ in 0..64 {
        let (_, reply, context) = stage.started().await;
        let pieces = vec![Piece::Bytes(prefix(&context, body.len())), Piece::Bytes(body.clone())];
        reply.send(Response::Pieces(pieces)).unwrap();
    }
    // Another client's round trip gives the first connection its turn.
    let mut other = stage.connect().await;
    let request = other.api_versions();
    other.send(&[request]).await;
    other.receive().await;
    stage.assert_nothing_started();
    for _ in 0..64 {
        assert_eq!(client.receive_frame().await.len(), 4 + body.len());
    }
    stage.answer("64").await;
}
