//! mgmt against stub data written out by hand from its definition.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod common;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod definitions;

use annulus_ndr::{ByteOrder, Ndr, Ndr64, Uuid, decode};

use common::{assert_wire, hex};
use definitions::mgmt::*;

const ECHO: Uuid = Uuid::from_u128(0x60a15ec5_4de8_11d7_a637_005056a20182);
const MGMT: Uuid = Uuid::from_u128(0xafa8bd80_7d8a_11c9_bef4_08002b102989);

fn two_interfaces() -> InqIfIdsOut {
    let ids = [ECHO, MGMT].map(|uuid| {
        Some(InterfaceId {
            uuid,
            major: 1,
            minor: 0,
        })
    });
    InqIfIdsOut {
        vector: Some(InterfaceIdVector {
            count: 2,
            ids: ids.to_vec(),
        }),
        status: 0,
    }
}

#[test]
fn rule_25_an_array_of_pointers_is_followed_by_all_its_pointees() {
    assert_wire::<Ndr, _>(
        &two_interfaces(),
        "(vector) 00000200 (max) 02000000 (count) 02000000 (ids) 04000200 08000200 \
         c55ea160 e84d d711 a637 005056a20182 (version) 0100 0000 \
         80bda8af 8a7d c911 bef4 08002b102989 (version) 0100 0000 (status) 00000000",
        &mut Vec::new(),
    );
}

#[test]
fn rule_26_in_ndr64_counts_and_pointers_have_eight_bytes() {
    assert_wire::<Ndr64, _>(
        &two_interfaces(),
        "(vector) 0000020000000000 (max) 0200000000000000 (count) 02000000 (gap) 00000000 \
         (ids) 0400020000000000 0800020000000000 \
         c55ea160 e84d d711 a637 005056a20182 (version) 0100 0000 \
         80bda8af 8a7d c911 bef4 08002b102989 (version) 0100 0000 (status) 00000000",
        &mut Vec::new(),
    );
}

#[test]
fn rule_24_only_the_integers_of_a_uuid_follow_the_byte_order() {
    let stub = hex(
        "(vector) 00000001 (max) 00000001 (count) 00000001 (id) 00000002 \
         60a15ec5 4de8 11d7 a637 005056a20182 (version) 0001 0000 (status) 00000000",
    );
    let params: InqIfIdsOut = decode::<Ndr, _>(&stub, ByteOrder::Big).unwrap();
    let ids = params.vector.unwrap().ids;
    assert_eq!(
        ids,
        [Some(InterfaceId {
            uuid: ECHO,
            major: 1,
            minor: 0
        })]
    );
}

#[test]
fn statistics_are_a_conformant_array_of_numbers() {
    assert_wire::<Ndr, _>(
        &InqStatsOut {
            count: 4,
            statistics: vec![1, 2, 3, 4],
            status: 0,
        },
        "(count) 04000000 (max) 04000000 01000000 02000000 03000000 04000000 (status) 00000000",
        &mut Vec::new(),
    );
}

#[test]
fn a_listening_server_says_so_behind_its_status() {
    assert_wire::<Ndr, _>(
        &IsServerListeningOut {
            status: 0,
            listening: 1,
        },
        "00000000 01000000",
        &mut Vec::new(),
    );
}

#[test]
fn a_principal_name_is_a_string_of_bytes() {
    assert_wire::<Ndr, _>(
        &InqPrincNameOut {
            name: b"root",
            status: 0,
        },
        "(max) 05000000 (offset) 00000000 (actual) 05000000 726f6f74 00 (gap) 000000 \
         (status) 00000000",
        &mut Vec::new(),
    );
}

#[test]
fn a_peer_may_announce_more_room_than_the_name_needs() {
    let stub = hex("(max) 00010000 (offset) 00000000 (actual) 01000000 00 aabbcc 05000000");
    let params: InqPrincNameOut<'_> = decode::<Ndr, _>(&stub, ByteOrder::Little).unwrap();
    assert_eq!(
        params,
        InqPrincNameOut {
            name: b"",
            status: 5
        }
    );
}
