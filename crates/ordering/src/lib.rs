//! synod-ordering
