//! Whom tokens let in. The key is a shared one here: what is signed how is tested over gRPC.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "a secret of this test";
const NOW: CantonTimestamp = CantonTimestamp::EPOCH;
const STATUS: &str = "com.digitalasset.canton.admin.health.v30.StatusService";

fn sign(payload: &Value) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(payload.to_string().as_bytes()));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", encode(signature.as_ref()))
}

fn service(target: JwtTarget, admits: JwtAdmits) -> JwtService {
    let key = JwtKey::unsafe_hmac_256(SECRET);
    JwtService { key, target, admits, leeway: JwtLeeway::default(), max_token_life_ms: None }
}

fn audience() -> JwtTarget {
    JwtTarget::Audience("synod".to_owned())
}

fn say(service: &JwtService, payload: &Value) -> Said {
    service.say(&sign(payload), STATUS, NOW)
}

#[test]
fn a_token_has_to_be_for_the_audience() {
    let service = service(audience(), JwtAdmits::Everybody);
    assert_eq!(say(&service, &json!({"sub": "", "aud": "synod"})), Said::Admin);
    assert_eq!(say(&service, &json!({"sub": "a", "aud": ["other", "synod"]})), Said::Admin);
    for aud in [json!("other"), json!(["synod2"]), json!("synod "), Value::Null] {
        let said = say(&service, &json!({"sub": "a", "aud": aud, "scope": "synod"}));
        assert_eq!(said, Said::Unknown(RefusalCause::Audience), "{aud}");
    }
    assert_eq!(say(&service, &json!({"aud": "synod"})), Said::Unknown(RefusalCause::Claims), "no user");
}

#[test]
fn a_token_has_to_have_the_scope() {
    let service = service(JwtTarget::Scope("admin".to_owned()), JwtAdmits::Everybody);
    for good in [
        json!({"sub": "a", "scope": "x admin"}),
        json!({"sub": "a", "scp": ["admin"]}),
        json!({"sub": "a", "scp": "admin"}),
    ] {
        assert_eq!(say(&service, &good), Said::Admin, "{good}");
    }
    for bad in
        [json!({"sub": "a"}), json!({"sub": "a", "scope": "x", "scp": ["admin"]}), json!({"sub": "a", "aud": "admin"})]
    {
        assert_eq!(say(&service, &bad), Said::Unknown(RefusalCause::Scope), "{bad}");
    }
}

#[test]
fn without_target_a_token_is_for_one_participant_or_has_the_scope_of_the_ledger() {
    let user = AuthorizedUser { user_id: "a".to_owned(), allowed_services: vec![STATUS.to_owned()] };
    let service = service(JwtTarget::Ledger, JwtAdmits::Users(vec![user]));
    let participant = |name: &str| format!("{PARTICIPANT_AUDIENCE}{name}");
    for good in [
        json!({"sub": "a", "aud": participant("p")}),
        json!({"sub": "a", "aud": [participant("p"), "other"]}),
        json!({"sub": "a", "scope": LEDGER_API_SCOPE}),
        json!({"sub": "a", "scope": LEDGER_API_SCOPE, "aud": "p"}),
    ] {
        assert_eq!(say(&service, &good), Said::Admin, "{good}");
    }
    for (bad, cause) in [
        (json!({"sub": "a", "aud": participant("")}), RefusalCause::Audience),
        (json!({"sub": "a", "aud": [participant("p"), participant("q")]}), RefusalCause::Audience),
        (json!({"sub": "a", "aud": "p"}), RefusalCause::Scope),
        (json!({"sub": "a", "scope": LEDGER_API_SCOPE, "aud": ["p", "q"]}), RefusalCause::Scope),
    ] {
        assert_eq!(say(&service, &bad), Said::Unknown(cause), "{bad}");
    }
}

#[test]
fn a_user_may_call_what_it_is_allowed_to() {
    let user = |name: &str, services: &[&str]| AuthorizedUser {
        user_id: name.to_owned(),
        allowed_services: services.iter().map(ToString::to_string).collect(),
    };
    let users = JwtAdmits::Users(vec![user("alice", &["a.B", STATUS]), user("bob", &["a.B"])]);
    let service = service(audience(), users);
    let of = |user: &str| say(&service, &json!({"sub": user, "aud": "synod"}));
    assert_eq!(of("alice"), Said::Admin);
    assert_eq!(of("bob"), Said::Unknown(RefusalCause::Service));
    assert_eq!(of("carol"), Said::Unknown(RefusalCause::User));
}

#[test]
fn users_without_a_list_have_no_rights() {
    let service = service(audience(), JwtAdmits::Nobody);
    assert_eq!(say(&service, &json!({"sub": "a", "aud": "synod"})), Said::Denied(RefusalCause::Users));
    assert_eq!(say(&service, &json!({"sub": "a", "aud": "x"})), Said::Unknown(RefusalCause::Audience));
}

#[test]
fn the_time_is_looked_at_before_the_target() {
    let mut service = service(audience(), JwtAdmits::Everybody);
    let expired = json!({"sub": "a", "aud": "x", "exp": 0});
    assert_eq!(say(&service, &expired), Said::Unknown(RefusalCause::Expired));
    assert_eq!(say(&service, &json!({"sub": "a", "aud": "synod", "exp": 1})), Said::Admin);
    service.max_token_life_ms = Some(999);
    assert_eq!(say(&service, &json!({"sub": "a", "aud": "synod", "exp": 1})), Said::Unknown(RefusalCause::Lifetime));
}
