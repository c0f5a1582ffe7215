//! Signed tokens, of each algorithm.

use serde_json::{Value, json};
use synod_node_admin::access::{
    AccessRules, AdminToken, AuthService, AuthorizedUser, InvalidKey, JwtAdmits, JwtAlgorithm, JwtKey, JwtLeeway,
    JwtService, JwtTarget,
};
use synod_testkit::certificates::{TokenKind, TokenSigner};
use tonic::Code;

use crate::port::{NOW, Port, assert_unauthenticated, call, call_with};

const AUDIENCE: &str = "https://node.example.com/admin";
const API_INFO: &str = "com.digitalasset.canton.connection.v30.ApiInfoService";

const fn algorithm(kind: TokenKind) -> JwtAlgorithm {
    match kind {
        TokenKind::Rs256 => JwtAlgorithm::Rs256,
        TokenKind::Rs384 => JwtAlgorithm::Rs384,
        TokenKind::Rs512 => JwtAlgorithm::Rs512,
        TokenKind::Es256 => JwtAlgorithm::Es256,
        TokenKind::Es512 => JwtAlgorithm::Es512,
    }
}

fn key_of(signer: &TokenSigner, kind: TokenKind) -> JwtKey {
    JwtKey::of_certificate(algorithm(kind), signer.certificate().as_bytes()).expect("a key")
}

fn service(key: JwtKey, admits: JwtAdmits) -> AuthService {
    let target = JwtTarget::Audience(AUDIENCE.to_owned());
    AuthService::Jwt(Box::new(JwtService {
        key,
        target,
        admits,
        leeway: JwtLeeway::default(),
        max_token_life_ms: None,
    }))
}

async fn port(services: Vec<AuthService>) -> Port {
    Port::serve(AccessRules::new(services), None).await
}

fn good() -> Value {
    json!({"sub": "operator", "aud": AUDIENCE, "exp": NOW + 60, "nbf": NOW - 60, "iat": NOW - 60})
}

/// The good token with another claim.
fn with(claim: &str, value: impl Into<Value>) -> Value {
    let mut payload = good();
    payload[claim] = value.into();
    payload
}

/// Everything that can be wrong with a token of this kind.
async fn good_and_bad(kind: TokenKind) {
    let signer = TokenSigner::new(kind);
    let port = port(vec![service(key_of(&signer, kind), JwtAdmits::Everybody)]).await;
    let channel = port.plain().await;
    let name = kind.name();
    assert_eq!(call_with(&channel, &signer.sign(&good())).await.expect(name), "admin-api");
    let without_time = json!({"sub": "operator", "aud": [AUDIENCE]});
    assert_eq!(call_with(&channel, &signer.sign(&without_time)).await.expect(name), "admin-api");

    let (head, signature) =
        signer.sign(&good()).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("parts");
    let (header, _) = head.split_once('.').expect("parts");
    let other_payload = signer.sign(&with("sub", "somebody"));
    let other_payload = other_payload.split('.').nth(1).expect("parts");
    let bad = [
        ("no-token", None),
        ("signature", Some(TokenSigner::new(kind).sign(&good()))),
        ("signature", Some(format!("{header}.{other_payload}.{signature}"))),
        ("signature", Some(format!("{head}."))),
        ("algorithm", Some(TokenSigner::unsigned(&good()))),
        ("algorithm", Some(signer.sign_as("none", &good()))),
        // Confusion of algorithms: the public key as a shared secret.
        ("algorithm", Some(TokenSigner::sign_by_secret("HS256", signer.certificate().as_bytes(), &good()))),
        ("signature", Some(TokenSigner::sign_by_secret(name, signer.certificate().as_bytes(), &good()))),
        ("algorithm", Some(signer.sign_as(&name.to_lowercase(), &good()))),
        ("expired", Some(signer.sign(&with("exp", NOW)))),
        ("not-yet-valid", Some(signer.sign(&with("nbf", NOW + 1)))),
        ("not-yet-valid", Some(signer.sign(&with("iat", NOW + 1)))),
        ("audience", Some(signer.sign(&with("aud", "https://other.example.com")))),
        ("audience", Some(signer.sign(&with("aud", Value::Null)))),
        ("claims", Some(signer.sign(&with("sub", Value::Null)))),
        ("claims", Some(signer.sign(&with("exp", "soon")))),
        ("claims", Some(signer.sign(&json!("operator")))),
        ("malformed", Some(head.clone())),
        ("malformed", Some("token".to_owned())),
    ];
    for (cause, token) in bad {
        let before = port.refused(cause);
        let header = token.map(|token| format!("Bearer {token}"));
        let answer = call(&channel, header.as_deref()).await;
        assert_unauthenticated(&answer, &format!("{name}: {cause}: {header:?}"));
        assert_eq!(port.refused(cause), before + 1, "{name}: {cause}: {header:?}");
    }
}

#[tokio::test]
async fn tokens_signed_by_rsa_are_verified() {
    for kind in [TokenKind::Rs256, TokenKind::Rs384, TokenKind::Rs512] {
        good_and_bad(kind).await;
    }
}

#[tokio::test]
async fn tokens_signed_on_elliptic_curves_are_verified() {
    for kind in [TokenKind::Es256, TokenKind::Es512] {
        good_and_bad(kind).await;
    }
}

#[tokio::test]
async fn a_key_is_for_one_algorithm() {
    let signer = TokenSigner::new(TokenKind::Rs256);
    let port = port(vec![service(key_of(&signer, TokenKind::Rs512), JwtAdmits::Everybody)]).await;
    assert_unauthenticated(&call_with(&port.plain().await, &signer.sign(&good())).await, "RS256 for RS512");
    assert_eq!(port.refused("algorithm"), 1);
    for kind in TokenKind::ALL {
        let signer = TokenSigner::new(kind);
        for other in TokenKind::ALL {
            let is_rsa = |kind: TokenKind| kind.name().starts_with('R');
            let fits = kind == other || (is_rsa(kind) && is_rsa(other));
            let key = JwtKey::of_certificate(algorithm(other), signer.certificate().as_bytes());
            assert_eq!(key.is_ok(), fits, "{} as {}: {key:?}", kind.name(), other.name());
        }
    }
    assert!(matches!(JwtKey::of_certificate(JwtAlgorithm::Rs256, b"no PEM"), Err(InvalidKey::Certificate(_))));
}

#[tokio::test]
async fn a_shared_secret_signs_too_if_it_has_to() {
    let port = port(vec![service(JwtKey::unsafe_hmac_256("of a test"), JwtAdmits::Everybody)]).await;
    let channel = port.plain().await;
    let sign = |secret: &str| TokenSigner::sign_by_secret("HS256", secret.as_bytes(), &good());
    assert_eq!(call_with(&channel, &sign("of a test")).await.expect("let in"), "admin-api");
    assert_unauthenticated(&call_with(&channel, &sign("another")).await, "another secret");
    assert_unauthenticated(&call_with(&channel, &TokenSigner::unsigned(&good())).await, "none");
}

#[tokio::test]
async fn users_may_call_the_services_that_they_are_allowed_to() {
    let signer = TokenSigner::new(TokenKind::Es256);
    let user = |name: &str, services: &[&str]| AuthorizedUser {
        user_id: name.to_owned(),
        allowed_services: services.iter().map(ToString::to_string).collect(),
    };
    let users = vec![user("operator", &[API_INFO]), user("other", &["com.digitalasset.canton.Other"])];
    let port = port(vec![service(key_of(&signer, TokenKind::Es256), JwtAdmits::Users(users))]).await;
    let channel = port.plain().await;
    assert_eq!(call_with(&channel, &signer.sign(&good())).await.expect("allowed"), "admin-api");
    assert_unauthenticated(&call_with(&channel, &signer.sign(&with("sub", "other"))).await, "another service");
    assert_unauthenticated(&call_with(&channel, &signer.sign(&with("sub", "stranger"))).await, "a stranger");
    assert_eq!((port.refused("service"), port.refused("user")), (1, 1));
}

#[tokio::test]
async fn the_first_service_that_knows_a_token_decides() {
    let (first, second) = (TokenSigner::new(TokenKind::Es256), TokenSigner::new(TokenKind::Es256));
    let services = vec![
        AuthService::AdminToken(AdminToken::fixed("fixed", true)),
        service(key_of(&first, TokenKind::Es256), JwtAdmits::Nobody),
        service(key_of(&second, TokenKind::Es256), JwtAdmits::Everybody),
    ];
    let port = port(services).await;
    let channel = port.plain().await;
    assert_eq!(call_with(&channel, "fixed").await.expect("the fixed one"), "admin-api");
    assert_eq!(call_with(&channel, &second.sign(&good())).await.expect("the second key"), "admin-api");
    let status = call_with(&channel, &first.sign(&good())).await.expect_err("users have no rights");
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(port.refused("users-disabled"), 1);
    assert_unauthenticated(&call_with(&channel, &second.sign(&with("exp", NOW))).await, "expired");
    assert_eq!(port.refused("expired"), 1, "the service that came furthest says why");
}
