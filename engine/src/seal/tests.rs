//! Owns the tests of what the parts of encryption promise together. Never needs a file.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashSet;
use std::fmt::Debug;

use zeroize::ZeroizeOnDrop;

use super::cipher::is_hardware_accelerated;
use super::format::{OVERHEAD_BYTES, WRAPPED_KEY, block};
use super::kdf::Argon2Cost;
use super::secret::Secret;
use super::*;
use crate::key::{Sequence, Timestamp};
use crate::log::format::{HEADER_BYTES, header, write_u32};
use crate::log::{Header, VERSION};

const KEY: [u8; 32] = *b"\x9e\x37-the key of the tests, 32 by\xc3\x51";
const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 32, passes: 1, lanes: 1 };
const FILE_ID: [u8; 16] = [0xF1; 16];

/// The bytes of this process's memory, also those that were given back.
#[cfg(target_os = "linux")]
pub(super) fn memory_at(place: usize, len: usize) -> Vec<u8> {
    use std::os::unix::fs::FileExt;

    let mut bytes = vec![0; len];
    std::fs::File::open("/proc/self/mem").unwrap().read_exact_at(&mut bytes, place as u64).unwrap();
    bytes
}

fn key() -> EncryptionKey {
    EncryptionKey::from_bytes(KEY)
}

fn passphrase(text: &str) -> EncryptionKey {
    EncryptionKey::from_passphrase_at(text, CHEAP)
}

fn keyring() -> Keyring {
    Keyring::create(&key()).unwrap()
}

/// A header copy as it would be written, its checksum excepted.
fn copy_of(keyring: &Keyring, counter: u64, sealed_max: u64) -> Vec<u8> {
    let header = Header {
        version: VERSION,
        compatible: 0,
        read_only_compatible: 0,
        incompatible: 1,
        file_id: FILE_ID,
        generation: 3,
        counter,
        history_floor: Sequence(17),
        synced: 0x1234_5678,
        created: Timestamp(1_700_000_000_000),
        encryption: None,
        origin: None,
    };
    header.encode(Some((keyring, sealed_max))).unwrap()
}

fn open(key: &EncryptionKey, copy: &[u8]) -> Result<Keyring, SealError> {
    Keyring::open(key, &EncryptionBlock::decode(copy)?, copy)
}

/// A sealer of the log that may seal as much as one key may.
fn sealer(keyring: &Keyring) -> Sealer {
    let mut sealer = keyring.log_sealer(FILE_ID, 0);
    sealer.allow(SEALS_MAX);
    sealer
}

fn seal(sealer: &mut Sealer, associated: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut sealed = [&[0; NONCE_BYTES], plain, &[0; TAG_BYTES]].concat();
    sealer.seal(associated, &mut sealed).unwrap();
    sealed
}

/// Opens in both ways, which agree; and a refusal changes nothing.
fn unseal(opener: &Opener, associated: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (mut in_place, mut plain) = (sealed.to_vec(), b"something of old".to_vec());
    let result = opener.open(associated, &mut in_place).map(|text| text.to_vec());
    let into = opener.open_into(associated, sealed, &mut plain);
    assert_eq!(result.as_deref().map_err(|error| *error), into.map(|()| &plain[..]));
    if result.is_err() {
        assert!(in_place == sealed && plain.is_empty());
    }
    result
}

#[test]
fn what_was_sealed_opens_and_is_28_bytes_longer() {
    let keyring = keyring();
    let (mut sealer, opener) = (sealer(&keyring), keyring.log_opener(FILE_ID));
    for len in (0..70).chain([300, 4096, 100_000]) {
        let plain: Vec<u8> = (0..len).map(|index| index as u8).collect();
        let sealed = seal(&mut sealer, b"where it stands", &plain);
        assert_eq!(sealed.len(), len + OVERHEAD_BYTES);
        assert_eq!(OVERHEAD_BYTES, 28);
        let parts: HashSet<_> = plain.windows(8).collect();
        assert!(!sealed.windows(8).any(|part| parts.contains(part)));
        assert_eq!(unseal(&opener, b"where it stands", &sealed), Ok(plain));
    }
}

#[test]
fn one_changed_bit_anywhere_is_refused() {
    let keyring = keyring();
    let (mut sealer, opener) = (sealer(&keyring), keyring.log_opener(FILE_ID));
    let associated: Vec<u8> = (0..92).collect();
    let sealed = seal(&mut sealer, &associated, b"{\"name\":\"alice\",\"age\":41}");
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(unseal(&opener, &associated, &changed), Err(SealError::Tampered), "bit {bit}");
    }
    for bit in 0..associated.len() * 8 {
        let mut changed = associated.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(unseal(&opener, &changed, &sealed), Err(SealError::Tampered), "bit {bit} beside it");
    }
    for len in 0..sealed.len() {
        assert_eq!(unseal(&opener, &associated, &sealed[..len]), Err(SealError::Tampered), "{len} bytes");
    }
    assert_eq!(unseal(&opener, &associated[..91], &sealed), Err(SealError::Tampered));
    assert!(unseal(&opener, &associated, &sealed).is_ok());
}

#[test]
fn a_file_opens_only_with_the_key_of_its_kind_and_its_salt() {
    let keyring = keyring();
    let purposes = [Purpose::Hint];
    let mut sealed = vec![(None, FILE_ID, seal(&mut sealer(&keyring), b"", b"text"))];
    for purpose in purposes.into_iter().chain(purposes) {
        let (salt, mut sealer): ([u8; SALT_BYTES], _) = keyring.file_sealer(purpose).unwrap();
        sealed.push((Some(purpose), salt, seal(&mut sealer, b"", b"text")));
    }
    // Every kind with every salt, the log's included.
    for (_, salt, _) in &sealed {
        for purpose in [None].into_iter().chain(purposes.map(Some)) {
            let opener = match purpose {
                None => keyring.log_opener(*salt),
                Some(purpose) => keyring.file_opener(purpose, *salt),
            };
            for (of, of_salt, bytes) in &sealed {
                let fits = (purpose, salt) == (*of, of_salt);
                assert_eq!(unseal(&opener, b"", bytes).is_ok(), fits, "{purpose:?} {of:?}");
            }
        }
    }
}

#[test]
fn no_nonce_is_used_twice() {
    let keyring = keyring();
    let mut nonces = HashSet::new();
    let groups = [1_u64, 1, 3, 255, 256, 257, 5_000];
    let (mut first, mut second) = (sealer(&keyring), sealer(&keyring));
    while nonces.len() < 1 << 17 {
        for group in groups {
            for sealer in [&mut first, &mut second] {
                sealer.prepare(group).unwrap();
                for _ in 0..group {
                    let sealed = seal(sealer, b"", b"");
                    assert!(nonces.insert(<[u8; NONCE_BYTES]>::try_from(&sealed[..NONCE_BYTES]).unwrap()));
                }
            }
        }
    }
}

#[test]
fn no_record_is_sealed_that_the_header_does_not_allow() {
    let keyring = keyring();
    let mut sealer = keyring.log_sealer(FILE_ID, 1000);
    let mut bytes = [0; OVERHEAD_BYTES];
    assert_eq!(sealer.seal(b"", &mut bytes), Err(SealError::Exhausted));
    assert_eq!(bytes, [0; OVERHEAD_BYTES]);

    let claimed = sealer.prepare(2).unwrap().unwrap();
    assert_eq!(sealer.seal(b"", &mut bytes), Err(SealError::Exhausted), "it is not in the header yet");
    sealer.allow(claimed);
    assert_eq!(claimed, 1000 + (1 << 16));
    for _ in 0..(1 << 16) {
        sealer.seal(b"", &mut bytes).unwrap();
    }
    assert_eq!(sealer.sealed(), claimed);
    assert_eq!(sealer.seal(b"", &mut bytes), Err(SealError::Exhausted));
    assert_eq!(sealer.prepare(1).unwrap(), Some(1000 + (2 << 16)), "as many again as this run has sealed");
    assert_eq!(sealer.prepare(10 << 20).unwrap(), Some(claimed + (10 << 20)), "a group is allowed whole");
}

#[test]
fn a_data_key_seals_two_to_the_32_records_and_not_one_more() {
    let keyring = keyring();
    let mut sealer = keyring.log_sealer(FILE_ID, SEALS_MAX - 2);
    assert_eq!(sealer.prepare(3), Err(SealError::Exhausted));
    assert_eq!(sealer.prepare(u64::MAX), Err(SealError::Exhausted));
    assert_eq!(sealer.prepare(2).unwrap(), Some(SEALS_MAX));
    sealer.allow(u64::MAX);
    seal(&mut sealer, b"", b"");
    seal(&mut sealer, b"", b"");
    assert_eq!(sealer.prepare(1), Err(SealError::Exhausted));
    assert_eq!(sealer.seal(b"", &mut [0; OVERHEAD_BYTES]), Err(SealError::Exhausted));
    // A number that nobody can have written honestly.
    assert_eq!(keyring.log_sealer(FILE_ID, u64::MAX).prepare(1), Err(SealError::Exhausted));

    let renewed = keyring.renewed().unwrap().log_sealer(FILE_ID, 0).prepare(1);
    assert_eq!(renewed, Ok(Some(1 << 16)));
}

#[test]
fn a_header_opens_with_its_key_and_gives_the_data_key() {
    let sealed_max = 0x1_0203_0405;
    for key in [key(), passphrase("a long enough sentence")] {
        let keyring = Keyring::create(&key).unwrap();
        let record = seal(&mut sealer(&keyring), b"", b"text");
        for counter in [6, 7] {
            let copy = copy_of(&keyring, counter, sealed_max);
            assert_eq!(EncryptionBlock::decode(&copy).unwrap().sealed_max, sealed_max);
            let opener = open(&key, &copy).unwrap().log_opener(FILE_ID);
            assert_eq!(unseal(&opener, b"", &record), Ok(b"text".to_vec()));
        }
    }
}

#[test]
fn each_write_of_a_header_wraps_anew() {
    let keyring = keyring();
    let copies = [copy_of(&keyring, 6, 0), copy_of(&keyring, 6, 0)];
    assert_eq!(copies[0][..block::WRAPPED_KEY], copies[1][..block::WRAPPED_KEY]);
    assert_ne!(copies[0][WRAPPED_KEY], copies[1][WRAPPED_KEY]);
    // A wrapped key does not fit another copy of the same header.
    let mut moved = copy_of(&keyring, 7, 0);
    moved[WRAPPED_KEY].copy_from_slice(&copies[0][WRAPPED_KEY]);
    assert_eq!(open(&key(), &moved).unwrap_err(), SealError::Tampered);
}

#[test]
fn no_byte_of_a_header_can_be_changed() {
    let copy = copy_of(&keyring(), 6, 77);
    let every_bit = (0..8 * HEADER_BYTES).filter(|bit| {
        // All bits of what has a meaning, and one in each of the zeros behind.
        (block::ALGORITHM..block::END).contains(&(bit / 8)) || bit % 8 == (bit / 8) % 8
    });
    for bit in every_bit {
        let mut changed = copy.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let result = open(&key(), &changed);
        match bit / 8 {
            header::CHECKSUM.. => assert!(result.is_ok(), "the checksum is checked before"),
            at @ block::ALGORITHM..block::SALT => {
                let refused =
                    matches!(result, Err(SealError::Parameters(_) | SealError::WrongKindOfKey { .. }));
                assert!(refused, "byte {at}: {result:?}");
            }
            block::SALT..block::SEALED_MAX | block::CHECK..block::WRAPPED_KEY => {
                assert_eq!(result.unwrap_err(), SealError::WrongKey, "bit {bit}");
            }
            _ => assert_eq!(result.unwrap_err(), SealError::Tampered, "bit {bit}"),
        }
    }
}

#[test]
fn a_wrong_key_is_told_from_a_changed_file() {
    let mut other = KEY;
    other[31] ^= 1;
    let by_key = copy_of(&keyring(), 6, 0);
    assert_eq!(open(&EncryptionKey::from_bytes(other), &by_key).unwrap_err(), SealError::WrongKey);
    let by_passphrase = copy_of(&Keyring::create(&passphrase("sesame")).unwrap(), 6, 0);
    for wrong in ["Sesame", "sesame ", "sesam", "", "sesame\0"] {
        assert_eq!(open(&passphrase(wrong), &by_passphrase).unwrap_err(), SealError::WrongKey, "{wrong:?}");
    }
    let wanted = "a key of 32 bytes";
    assert_eq!(open(&passphrase("sesame"), &by_key).unwrap_err(), SealError::WrongKindOfKey { wanted });
    let wanted = "a passphrase";
    assert_eq!(open(&key(), &by_passphrase).unwrap_err(), SealError::WrongKindOfKey { wanted });
    // The cost is the file's, whatever the cost of new files may be.
    let dearer = Argon2Cost { memory_kib: 64, ..CHEAP };
    assert!(open(&EncryptionKey::from_passphrase_at("sesame", dearer), &by_passphrase).is_ok());
}

#[test]
fn a_header_cannot_demand_what_nobody_should_give() {
    let copy = copy_of(&Keyring::create(&passphrase("sesame")).unwrap(), 6, 0);
    let hostile = [
        (block::MEMORY, u32::MAX),
        (block::MEMORY, 1 << 20),
        (block::MEMORY, 0),
        (block::PASSES, u32::MAX),
        (block::PASSES, 0),
        (block::LANES, 0xFF_FFFF),
        (block::LANES, 0),
        (block::KEY_KIND, 0),
        (block::KEY_KIND, 3),
        (block::KEY_KIND, 1),
        (block::ALGORITHM, 0),
        (block::ALGORITHM, 2),
        (block::RESERVED, 1),
    ];
    for (offset, value) in hostile {
        let mut changed = copy.clone();
        write_u32(&mut changed, offset, value);
        let result = EncryptionBlock::decode(&changed);
        assert!(matches!(result, Err(SealError::Parameters(_))), "{offset} {value}: {result:?}");
    }
    assert!(EncryptionBlock::decode(&copy).is_ok());
    let no_cost = Argon2Cost { passes: 0, ..CHEAP };
    let key = EncryptionKey::from_passphrase_at("sesame", no_cost);
    assert!(matches!(Keyring::create(&key).unwrap_err(), SealError::Parameters(_)));
}

#[test]
fn a_new_user_key_shuts_the_old_one_out_and_keeps_the_data_key() {
    let keyring = keyring();
    let old_copy = copy_of(&keyring, 6, 5);
    let record = seal(&mut sealer(&keyring), b"", b"text");
    let new_key = passphrase("another one");
    let new_copy = copy_of(&keyring.rekeyed(&new_key).unwrap(), 7, 5);

    assert!(matches!(open(&key(), &new_copy).unwrap_err(), SealError::WrongKindOfKey { .. }));
    assert!(open(&new_key, &old_copy).is_err());
    let opener = open(&new_key, &new_copy).unwrap().log_opener(FILE_ID);
    assert_eq!(unseal(&opener, b"", &record), Ok(b"text".to_vec()));
    let [old, new] = [&old_copy, &new_copy].map(|copy| EncryptionBlock::decode(copy).unwrap());
    assert!(!old.has_the_key_of(&new));
    assert!(old.has_the_key_of(&EncryptionBlock::decode(&copy_of(&keyring, 7, 9)).unwrap()));

    // Again with the same bytes: another salt, so nothing of the old wrapping fits.
    let again = copy_of(&keyring.rekeyed(&key()).unwrap(), 7, 5);
    assert!(!old.has_the_key_of(&EncryptionBlock::decode(&again).unwrap()));
    assert!(open(&key(), &again).is_ok());
}

#[test]
fn the_next_generation_has_a_data_key_of_its_own() {
    let keyring = keyring();
    let record = seal(&mut sealer(&keyring), b"", b"text");
    let next = copy_of(&keyring.renewed().unwrap(), 6, 0);
    let opener = open(&key(), &next).unwrap().log_opener(FILE_ID);
    assert_eq!(unseal(&opener, b"", &record), Err(SealError::Tampered));
    assert_eq!(unseal(&keyring.log_opener(FILE_ID), b"", &record), Ok(b"text".to_vec()));
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let text = "eleven purple lighthouses";
    let keyring = keyring();
    let secret = Secret::filled(|bytes| {
        *bytes = KEY;
        Ok(())
    });
    let (_, mut sealer) = keyring.file_sealer(Purpose::Hint).unwrap();
    sealer.prepare(3).unwrap();
    let shown: [&dyn Debug; 8] = [
        &key(),
        &passphrase(text),
        &secret.unwrap(),
        &keyring,
        &Keyring::create(&passphrase(text)).unwrap(),
        &sealer,
        &keyring.log_opener(FILE_ID),
        &EncryptionBlock::decode(&copy_of(&keyring, 6, 0)).unwrap(),
    ];
    for shown in shown {
        for shown in [format!("{shown:?}"), format!("{shown:#?}").replace('\n', "")] {
            assert!(!shown.contains("purple") && !shown.contains("the key of"), "{shown}");
            let shown = shown.replace(' ', "");
            for part in KEY.windows(4) {
                let decimal = part.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
                let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
                assert!(!shown.contains(&decimal) && !shown.to_lowercase().contains(&hex), "{shown}");
            }
        }
    }
    assert_eq!(format!("{:?} {:?}", key(), passphrase(text)), "Key(..) Key(..)");
    assert!(format!("{keyring:?}").contains("data_key: Key(..)"));
}

#[test]
fn what_holds_a_key_overwrites_it_when_it_is_dropped() {
    fn assert_overwrites<T: ZeroizeOnDrop>() {}

    assert_overwrites::<aes_gcm::Aes256Gcm>();
    assert_overwrites::<zeroize::Zeroizing<[u8; 32]>>();
    assert_overwrites::<zeroize::Zeroizing<Box<str>>>();
}

#[test]
fn the_block_lies_in_the_headers_reserved_area() {
    assert_eq!(block::ALGORITHM, header::CREATED + 8);
    const { assert!(block::END < header::CHECKSUM) };
    assert_eq!(WRAPPED_KEY.len(), 32 + OVERHEAD_BYTES);
    let copy = copy_of(&keyring(), 6, 0);
    assert!(copy[block::END..header::CHECKSUM].iter().all(|byte| *byte == 0));
    assert!(!copy.windows(4).any(|part| KEY.windows(4).any(|found| found == part)));
}

#[test]
fn the_instructions_for_aes_are_used_where_there_are_some() {
    #[cfg(target_arch = "x86_64")]
    let has_instructions = std::arch::is_x86_feature_detected!("aes");
    #[cfg(not(target_arch = "x86_64"))]
    let has_instructions = is_hardware_accelerated();
    assert_eq!(is_hardware_accelerated(), has_instructions);
}
