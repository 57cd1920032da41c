use std::time::Duration;

use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
};

use super::stop;

#[tokio::test]
async fn connections_are_kept_and_handshakes_are_not_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = TcpStream::connect(address).await.unwrap();
    stop(&listener);
    let late = tokio::spawn(TcpStream::connect(address));
    let (accepted, _) = listener.accept().await.unwrap();
    drop(accepted);
    assert_eq!(waiting.read(&mut [0]).await.unwrap(), 0, "it was accepted and closed, not reset");
    if cfg!(target_os = "linux") {
        let another = tokio::time::timeout(Duration::from_millis(100), listener.accept());
        assert!(another.await.is_err(), "the late one is not let in");
        drop(listener);
        late.await.unwrap().unwrap_err();
    }
}
