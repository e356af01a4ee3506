//! What each client address has: connections and exchanges, in the whole process.
//!
//! A client is an address, and for IPv6 the first 64 bits of one: whoever has one address there has them all. An entry lives as long as one of
//! its connections, so their number is bounded by the connections. The map is locked when a connection comes or goes, never
//! for a request.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::snapshot::Admission;

/// Parts of the map, each with its own lock.
const SHARDS: usize = 16;

/// The clients of a listener.
#[derive(Debug, Default)]
pub struct Clients {
    shards: [Mutex<HashMap<u128, Presence>>; SHARDS],
}

#[derive(Debug)]
struct Presence {
    connections: usize,
    requests: Arc<Admission>,
}

/// A connection's place among those of its client, until it is dropped.
#[derive(Debug)]
pub struct ClientPlace {
    clients: Arc<Clients>,
    key: u128,
    /// Counts the client's exchanges.
    pub requests: Arc<Admission>,
}

/// The number that stands for a client.
fn key(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => Ipv6Addr::to_bits(address) >> 64 << 64,
    }
}

impl Clients {
    /// A place, unless `limit` are taken; 0 is no limit.
    pub fn enter(self: &Arc<Self>, address: IpAddr, limit: usize) -> Option<ClientPlace> {
        let key = key(address);
        let mut shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        let presence = shard.entry(key).or_insert_with(|| Presence { connections: 0, requests: Admission::unnamed() });
        if limit > 0 && presence.connections >= limit {
            return None;
        }
        presence.connections += 1;
        let requests = presence.requests.clone();
        drop(shard);
        Some(ClientPlace { clients: self.clone(), key, requests })
    }

    /// The bits that differ between neighbours of both families.
    fn shard(&self, key: u128) -> &Mutex<HashMap<u128, Presence>> {
        let mixed = (key as u64) ^ ((key >> 64) as u64);
        &self.shards[(mixed ^ mixed >> 8) as usize % SHARDS]
    }
}

impl Drop for ClientPlace {
    fn drop(&mut self) {
        let mut shard = self.clients.shard(self.key).lock().unwrap_or_else(PoisonError::into_inner);
        let Some(presence) = shard.get_mut(&self.key) else { return };
        presence.connections -= 1;
        if presence.connections == 0 {
            shard.remove(&self.key);
            // What an attack by many addresses needed is not kept.
            if shard.capacity() > 1024 && shard.len() < shard.capacity() / 8 {
                shard.shrink_to_fit();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_so_many_and_a_network_of_ipv6_too() {
        let clients = Arc::<Clients>::default();
        let first = clients.enter(address("192.0.2.1"), 2);
        let _second = clients.enter(address("::ffff:192.0.2.1"), 2).expect("the same client in another spelling");
        assert!(clients.enter(address("192.0.2.1"), 2).is_none());
        assert!(clients.enter(address("192.0.2.2"), 2).is_some());
        drop(first);
        assert!(clients.enter(address("192.0.2.1"), 2).is_some());
        let places: Vec<_> = (0..2).filter_map(|n| clients.enter(address(&format!("2001:db8::{n}:1")), 2)).collect();
        assert_eq!(places.len(), 2);
        assert!(clients.enter(address("2001:db8::ffff:9"), 2).is_none(), "the same /64");
        assert!(clients.enter(address("2001:db8:0:1::1"), 2).is_some(), "another");
        assert!(clients.enter(address("2001:db8::3"), 0).is_some(), "no limit");
    }

    #[test]
    fn nothing_is_kept_of_those_who_left() {
        let clients = Arc::<Clients>::default();
        let places: Vec<_> = (0..50_000u32).filter_map(|n| clients.enter(IpAddr::V4(n.into()), 1)).collect();
        assert_eq!(places.len(), 50_000);
        drop(places);
        let shards = || clients.shards.iter().map(|shard| shard.lock().unwrap());
        assert_eq!(shards().map(|shard| shard.len()).sum::<usize>(), 0);
        assert!(shards().all(|shard| shard.capacity() < 2048));
    }

    #[test]
    fn exchanges_are_counted_over_all_connections() {
        let clients = Arc::<Clients>::default();
        let (one, other) = (clients.enter(address("192.0.2.1"), 0), clients.enter(address("192.0.2.1"), 0));
        let (one, other) = (one.unwrap(), other.unwrap());
        let running = one.requests.admit(1);
        assert!(running.is_some() && other.requests.admit(1).is_none());
        drop(running);
        assert!(other.requests.admit(1).is_some());
    }
}
