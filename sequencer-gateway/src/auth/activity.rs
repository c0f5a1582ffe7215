//! Whether a member may log in (ch. 02 §4.5).

use synod_pipeline::Head;
use synod_types::Member;

/// Whether a member is active by what is in force, and also by what is sequenced but not in force yet
/// (`MemberAuthenticationService.isMemberActive`).
pub(crate) fn is_active(head: &Head, member: &Member) -> bool {
    let state = &head.state;
    state.topology().head_snapshot().is_member_active(member)
        && state.snapshot(state.approximate_time()).is_member_active(member)
}
