//! synod-sequencer-gateway
