//! synod-pipeline
