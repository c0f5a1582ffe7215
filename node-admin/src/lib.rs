//! synod-node-admin
