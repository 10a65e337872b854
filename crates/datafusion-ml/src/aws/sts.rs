//! Credentials of an IAM role: AssumeRole of the AWS Security Token Service.
//!
//! object_store signs requests and has an HTTP client, but asks STS for web identities only. What is missing is one request.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use datafusion_ml_core::{Error, ErrorKind};
use object_store::aws::{AwsAuthorizer, AwsCredential, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::{CredentialProvider, Result};
use url::Url;

/// Credentials are got anew so long before they end.
const MARGIN: Duration = Duration::from_secs(300);

/// Where STS is, and how it is reached.
#[derive(Debug, Clone)]
pub(super) struct Sts {
    pub(super) client: HttpClient,
    pub(super) endpoint: Url,
    pub(super) region: String,
}

/// A role that is assumed with other credentials when its own are wanted, and again shortly before they end.
#[derive(Debug)]
pub(super) struct AssumedRole {
    sts: Sts,
    arn: String,
    with: AwsCredentialProvider,
    kept: tokio::sync::Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    credential: Arc<AwsCredential>,
    ends: DateTime<Utc>,
}

impl AssumedRole {
    /// The role of that ARN, assumed with those credentials. Nothing is asked yet.
    pub(super) fn new(sts: Sts, arn: &str, with: AwsCredentialProvider) -> Self {
        Self { sts, arn: arn.to_owned(), with, kept: tokio::sync::Mutex::default() }
    }

    async fn assume(&self) -> Result<Kept> {
        let mut url = self.sts.endpoint.clone();
        url.query_pairs_mut()
            .append_pair("Action", "AssumeRole")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", &self.arn)
            .append_pair("RoleSessionName", "datafusion-ml");
        let unreachable = |e: &dyn std::fmt::Display| self.failed(ErrorKind::Storage, &format!("STS at {url}: {e}"));
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = "POST".parse().map_err(|e| unreachable(&e))?;
        *request.uri_mut() = url.as_str().parse().map_err(|e| unreachable(&e))?;
        let with = self.with.get_credential().await?;
        AwsAuthorizer::new(&with, "sts", &self.sts.region).authorize(&mut request, None);
        let response = self.sts.client.execute(request).await.map_err(|e| unreachable(&e))?;
        let status = response.status();
        let answer = response.into_body().bytes().await.map_err(|e| unreachable(&e))?;
        let answer = String::from_utf8_lossy(&answer);
        if !status.is_success() {
            let kind = if status.as_u16() == 403 { ErrorKind::Denied } else { ErrorKind::Storage };
            let (code, message) = (element(&answer, "Code"), element(&answer, "Message"));
            let code = code.map_or_else(|| status.to_string(), str::to_owned);
            return Err(self.failed(kind, &format!("{code}: {}", message.unwrap_or_default())));
        }
        let wanted = |name: &str| {
            let found = element(&answer, name).map(str::to_owned);
            found.ok_or_else(|| unreachable(&format!("there is no {name} in its answer")))
        };
        let credential = AwsCredential {
            key_id: wanted("AccessKeyId")?,
            secret_key: wanted("SecretAccessKey")?,
            token: Some(wanted("SessionToken")?),
        };
        let ends = DateTime::parse_from_rfc3339(&wanted("Expiration")?).map_err(|e| unreachable(&e))?;
        Ok(Kept { credential: Arc::new(credential), ends: ends.to_utc() })
    }

    fn failed(&self, kind: ErrorKind, reason: &str) -> object_store::Error {
        let message = format!(
            "IAM role {} cannot be assumed: {reason}; the role has to trust whose credentials the process has",
            self.arn
        );
        object_store::Error::Generic { store: "STS", source: Box::new(Error::new(kind, message)) }
    }
}

#[async_trait]
impl CredentialProvider for AssumedRole {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> Result<Arc<AwsCredential>> {
        let mut kept = self.kept.lock().await;
        match kept.as_ref() {
            Some(found) if found.ends > Utc::now() + MARGIN => Ok(Arc::clone(&found.credential)),
            _ => Ok(Arc::clone(&kept.insert(self.assume().await?).credential)),
        }
    }
}

/// The text of an element of XML of which STS says that it holds a word or a sentence.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim())
}
