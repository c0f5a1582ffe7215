//! The token in a header.

use super::refusal::RefusalCause;

const SCHEME: &str = "Bearer ";

/// The token of an `authorization` header (`JwtFromBearerHeader`). Canton takes the scheme anywhere in the header; here
/// it has to be at its beginning.
pub(super) fn token(header: Option<&str>) -> Result<&str, RefusalCause> {
    let header = header.ok_or(RefusalCause::NoToken)?;
    header.strip_prefix(SCHEME).filter(|token| !token.is_empty()).ok_or(RefusalCause::NotBearer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_follows_its_scheme() {
        assert_eq!(token(Some("Bearer abc.def")), Ok("abc.def"));
        assert_eq!(token(None), Err(RefusalCause::NoToken));
        for header in ["", "Bearer", "Bearer ", "bearer abc", "Basic abc", "abc", " Bearer abc"] {
            assert_eq!(token(Some(header)), Err(RefusalCause::NotBearer), "{header}");
        }
    }
}
