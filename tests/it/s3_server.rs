//! A real S3-compatible server on loopback: s3s with its file system backend.
//!
//! It was chosen because it is a Rust library, so that tests need nothing but cargo, and because it checks signatures and
//! honours `If-None-Match: *` on PUT. Its backend looks before it writes, in two steps; they are made one here by letting
//! one PUT in at a time, which is what S3 itself promises.
//!
//! Beside it answers an STS that knows two roles. Of a request's signature it looks at the scope only.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use parking_lot::Mutex;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The bucket that is there from the start.
pub(crate) const BUCKET: &str = "lake";

/// The access key of the processes under test.
pub(crate) const ACCESS_KEY: &str = "test-key";
const SECRET_KEY: &str = "test-secret";

/// A role that the server's STS lets that key assume, and one that only the first role may assume.
pub(crate) const ROLES: [&str; 2] = ["arn:aws:iam::123456789012:role/lake", "arn:aws:iam::123456789012:role/next"];

/// The access keys that come with the roles.
pub(crate) const ROLE_KEYS: [&str; 2] = ["lake-key", "next-key"];

/// What a client asked of S3.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) access_key: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) kms_key: Option<String>,
}

/// A running server; it lives as long as the runtime that started it, its objects as long as this value.
pub(crate) struct S3Server {
    address: SocketAddr,
    folder: TempDir,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl S3Server {
    /// Starts a server with an empty bucket.
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let service = {
            let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
            let mut auth = SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY);
            for key in ROLE_KEYS {
                auth.register(key.to_owned(), secret_of(key).into());
            }
            builder.set_auth(auth);
            builder.build()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, one_put_at_a_time) = (Arc::clone(&asked), Arc::new(tokio::sync::Mutex::new(())));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, seen, gate) = (service.clone(), Arc::clone(&seen), Arc::clone(&one_put_at_a_time));
                let handler = service_fn(move |request: Request<Incoming>| {
                    let (service, seen, gate) = (service.clone(), Arc::clone(&seen), Arc::clone(&gate));
                    async move {
                        let _turn = if request.method() == Method::PUT { Some(gate.lock().await) } else { None };
                        if request.uri().path() == "/sts" {
                            return Ok(assume_role(&request));
                        }
                        seen.lock().push(Asked {
                            access_key: access_key(&request),
                            method: request.method().to_string(),
                            path: request.uri().path().to_owned(),
                            kms_key: header(&request, "x-amz-server-side-encryption-aws-kms-key-id"),
                        });
                        Service::call(&service, request).await
                    }
                });
                tokio::spawn(async move {
                    let connection = Builder::new(TokioExecutor::new());
                    let _ = connection.serve_connection(TokioIo::new(socket), handler).await;
                });
            }
        });
        Self { address, folder, asked }
    }

    /// The AWS_* variables by which a process finds the server.
    pub(crate) fn environment(&self) -> [(&'static str, String); 6] {
        [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ENDPOINT_URL_STS", format!("http://{}/sts", self.address)),
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

    /// What has been asked since this was last called.
    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock())
    }
}

fn header(request: &Request<Incoming>, name: &str) -> Option<String> {
    request.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

/// The access key that signed the request.
fn access_key(request: &Request<Incoming>) -> String {
    let authorization = header(request, "authorization").unwrap_or_default();
    let credential = authorization.split("Credential=").nth(1).unwrap_or_default();
    credential.split('/').next().unwrap_or_default().to_owned()
}

fn secret_of(access_key: &str) -> String {
    format!("secret of {access_key}")
}

/// The answer of STS to AssumeRole, as Amazon's reference prints it.
fn assume_role(request: &Request<Incoming>) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default();
    let query: HashMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let is_sound = request.method() == Method::POST
        && query["Action"] == "AssumeRole"
        && query["Version"] == "2011-06-15"
        && !query["RoleSessionName"].is_empty()
        && header(request, "authorization").is_some_and(|text| text.contains("/us-east-1/sts/aws4_request"));
    let has_token = header(request, "x-amz-security-token").is_some();
    let role = ROLES.into_iter().position(|role| role == query["RoleArn"]);
    let trusted = [(ACCESS_KEY, false), (ROLE_KEYS[0], true)];
    let key = role.filter(|role| is_sound && trusted[*role] == (access_key(request).as_str(), has_token));
    let (status, answer) = match key.map(|role| ROLE_KEYS[role]) {
        Some(key) => (
            200,
            format!(
                "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
                 <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>token/of+{key}=\
                 </SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>\
                 </AssumeRoleResponse>",
                secret_of(key)
            ),
        ),
        None => (
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Nobody may assume \
             that role</Message></Error></ErrorResponse>"
                .to_owned(),
        ),
    };
    Response::builder().status(status).body(Body::from(answer)).unwrap()
}
