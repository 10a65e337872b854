//! A real S3-compatible server on loopback: s3s with its file system backend.
//!
//! It was chosen because it is a Rust library, so that tests need nothing but cargo, and because it checks signatures and
//! honours `If-None-Match: *` on PUT. Its backend looks before it writes, in two steps; they are made one here by letting
//! one PUT in at a time, which is what S3 itself promises.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::service::{Service, service_fn};
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use parking_lot::Mutex;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The bucket that is there from the start.
pub(crate) const BUCKET: &str = "lake";

const ACCESS_KEY: &str = "test-key";
const SECRET_KEY: &str = "test-secret";

/// A running server; it lives as long as the runtime that started it, its objects as long as this value.
pub(crate) struct S3Server {
    address: SocketAddr,
    folder: TempDir,
    kms_keys_seen: Arc<Mutex<Vec<String>>>,
}

impl S3Server {
    /// Starts a server with an empty bucket.
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let service = {
            let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
            builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
            builder.build()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kms_keys_seen = Arc::new(Mutex::new(Vec::new()));
        let (seen, one_put_at_a_time) = (Arc::clone(&kms_keys_seen), Arc::new(tokio::sync::Mutex::new(())));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, seen, gate) = (service.clone(), Arc::clone(&seen), Arc::clone(&one_put_at_a_time));
                let handler = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (service, seen, gate) = (service.clone(), Arc::clone(&seen), Arc::clone(&gate));
                    async move {
                        let _turn = if request.method() == Method::PUT { Some(gate.lock().await) } else { None };
                        if let Some(key) = request.headers().get("x-amz-server-side-encryption-aws-kms-key-id") {
                            seen.lock().push(key.to_str().unwrap().to_owned());
                        }
                        Service::call(&service, request).await
                    }
                });
                tokio::spawn(async move {
                    let connection = Builder::new(TokioExecutor::new());
                    let _ = connection.serve_connection(TokioIo::new(socket), handler).await;
                });
            }
        });
        Self { address, folder, kms_keys_seen }
    }

    /// The AWS_* variables by which a process finds the server.
    pub(crate) fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ]
    }

    /// A client of the bucket.
    pub(crate) fn client(&self) -> Arc<dyn ObjectStore> {
        let mut builder = AmazonS3Builder::new().with_bucket_name(BUCKET);
        for (name, value) in self.environment() {
            builder = builder.with_config(name.to_lowercase().parse().unwrap(), value);
        }
        Arc::new(builder.build().unwrap())
    }

    /// Puts a file into the bucket.
    pub(crate) fn upload(&self, key: &str, file: &str) {
        let target = self.folder.path().join(BUCKET).join(key);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(file, target).unwrap();
    }

    /// The KMS keys that requests named.
    pub(crate) fn kms_keys_seen(&self) -> Vec<String> {
        self.kms_keys_seen.lock().clone()
    }
}
