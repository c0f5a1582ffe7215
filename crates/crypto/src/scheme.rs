//! Kinds of keys, algorithms and encodings, with their numbers on the wire (chapter 01 §4.4).

use thiserror::Error;

/// A number that is no value of the enum it was written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidEnumValue {
    /// The field is unset (`FieldNotSet`).
    #[error("field `{field}` is not set")]
    NotSet {
        /// Name of the field.
        field: &'static str,
    },
    /// The field has a number that Canton 3.5 does not know (`UnrecognizedEnum`).
    #[error("field `{field}` has the unknown value {number}")]
    Unrecognized {
        /// Name of the field.
        field: &'static str,
        /// The number found.
        number: i32,
    },
}

macro_rules! proto_enum {
    ($(#[$about:meta])* $name:ident { $($(#[$about_value:meta])* $value:ident = $number:literal, $text:literal;)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$about_value])* $value,)+
        }

        impl $name {
            /// The value of `number`.
            ///
            /// # Errors
            /// [`InvalidEnumValue`], which names `field`, when it is 0 or unknown.
            pub const fn from_number(field: &'static str, number: i32) -> Result<Self, InvalidEnumValue> {
                match number {
                    $($number => Ok(Self::$value),)+
                    0 => Err(InvalidEnumValue::NotSet { field }),
                    _ => Err(InvalidEnumValue::Unrecognized { field, number }),
                }
            }

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> i32 {
                match self {
                    $(Self::$value => $number,)+
                }
            }

            /// Canton's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }

        impl $crate::set::ProtoEnum for $name {
            const ALL: &'static [Self] = &[$(Self::$value,)+];

            fn number(self) -> i32 {
                Self::number(self)
            }

            fn index(self) -> u8 {
                self as u8
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use proto_enum;

proto_enum! {
    /// Kinds of signing keys.
    SigningKeySpec {
        /// Ed25519.
        EcCurve25519 = 1, "EC-Curve25519";
        /// NIST P-256.
        EcP256 = 2, "EC-P256";
        /// NIST P-384.
        EcP384 = 3, "EC-P384";
        /// secp256k1.
        EcSecp256k1 = 4, "EC-Secp256k1";
    }
}

proto_enum! {
    /// Signature algorithms.
    SigningAlgorithmSpec {
        /// Ed25519.
        Ed25519 = 1, "Ed25519";
        /// ECDSA with SHA-256, on P-256 or secp256k1.
        EcDsaSha256 = 2, "EC-DSA-SHA256";
        /// ECDSA with SHA-384, on P-384.
        EcDsaSha384 = 3, "EC-DSA-SHA384";
    }
}

proto_enum! {
    /// Encodings of signatures.
    SignatureFormat {
        /// Legacy: the encoding follows from the algorithm. Only before migration.
        Raw = 1, "Raw";
        /// DER sequence of two integers, for ECDSA.
        Der = 2, "DER";
        /// The two halves one after the other, for Ed25519.
        Concat = 3, "Concat";
        /// For tests of Canton's own; never valid.
        Symbolic = 10_000, "Symbolic";
    }
}

proto_enum! {
    /// Encodings of keys.
    CryptoKeyFormat {
        /// Legacy: the DER structure that fits the kind of key. Only before migration.
        Der = 2, "DER";
        /// Bytes without structure.
        Raw = 3, "Raw";
        /// DER of `SubjectPublicKeyInfo`.
        DerX509Spki = 4, "DER-encoded X.509 SubjectPublicKeyInfo";
        /// DER of `PrivateKeyInfo`.
        DerPkcs8Pki = 5, "DER-encoded PKCS #8 PrivateKeyInfo";
        /// For tests of Canton's own; parsed without any check.
        Symbolic = 10_000, "Symbolic";
    }
}

proto_enum! {
    /// Kinds of encryption keys.
    EncryptionKeySpec {
        /// NIST P-256.
        EcP256 = 1, "EC-P256";
        /// RSA with 2048 bits.
        Rsa2048 = 2, "RSA-2048";
    }
}

proto_enum! {
    /// Asymmetric encryption algorithms.
    EncryptionAlgorithmSpec {
        /// ECIES with HKDF, HMAC-SHA-256 and AES-128-CBC.
        EciesHkdfHmacSha256Aes128Cbc = 1, "ECIES_HMAC256_AES128-CBC";
        /// RSA-OAEP with SHA-256.
        RsaOaepSha256 = 2, "RSA-OAEP-SHA256";
    }
}

proto_enum! {
    /// Symmetric encryption schemes.
    SymmetricKeyScheme {
        /// AES-128-GCM.
        Aes128Gcm = 1, "AES128-GCM";
    }
}

proto_enum! {
    /// Hash functions.
    HashAlgorithm {
        /// SHA-256.
        Sha256 = 1, "SHA-256";
    }
}

/// What the deprecated field `scheme` of a key says: a kind, or nothing.
fn by_scheme<T: Copy>(of_scheme: &[T], number: i32) -> Result<T, InvalidEnumValue> {
    if number == 0 {
        return Err(InvalidEnumValue::NotSet { field: "key_spec and scheme" });
    }
    usize::try_from(number)
        .ok()
        .and_then(|number| of_scheme.get(number - 1).copied())
        .ok_or(InvalidEnumValue::Unrecognized { field: "scheme", number })
}

impl SigningKeySpec {
    /// The kind of a key that may be of the time when `scheme` said it
    /// (`SigningKeySpec.fromProtoEnumWithDefaultScheme`).
    ///
    /// # Errors
    /// [`InvalidEnumValue`] when neither field is set or the one that counts is unknown.
    pub fn from_spec_or_scheme(spec: i32, scheme: i32) -> Result<Self, InvalidEnumValue> {
        if spec == 0 {
            return by_scheme(&[Self::EcCurve25519, Self::EcP256, Self::EcP384], scheme);
        }
        Self::from_number("key_spec", spec)
    }

    /// The one algorithm of this kind of key.
    #[must_use]
    pub const fn algorithm(self) -> SigningAlgorithmSpec {
        match self {
            Self::EcCurve25519 => SigningAlgorithmSpec::Ed25519,
            Self::EcP256 | Self::EcSecp256k1 => SigningAlgorithmSpec::EcDsaSha256,
            Self::EcP384 => SigningAlgorithmSpec::EcDsaSha384,
        }
    }
}

impl EncryptionKeySpec {
    /// The kind of a key that may be of the time when `scheme` said it
    /// (`EncryptionKeySpec.fromProtoEnumWithDefaultScheme`).
    ///
    /// # Errors
    /// [`InvalidEnumValue`] when neither field is set or the one that counts is unknown.
    pub fn from_spec_or_scheme(spec: i32, scheme: i32) -> Result<Self, InvalidEnumValue> {
        if spec == 0 {
            return by_scheme(&[Self::EcP256, Self::EcP256, Self::Rsa2048], scheme);
        }
        Self::from_number("key_spec", spec)
    }
}

impl SigningAlgorithmSpec {
    /// The algorithm of a signature, which may leave it open.
    ///
    /// # Errors
    /// [`InvalidEnumValue::Unrecognized`] when it is unknown.
    pub fn from_number_or_unset(field: &'static str, number: i32) -> Result<Option<Self>, InvalidEnumValue> {
        if number == 0 { Ok(None) } else { Self::from_number(field, number).map(Some) }
    }

    /// The one encoding of signatures of this algorithm.
    #[must_use]
    pub const fn format(self) -> SignatureFormat {
        match self {
            Self::Ed25519 => SignatureFormat::Concat,
            Self::EcDsaSha256 | Self::EcDsaSha384 => SignatureFormat::Der,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EnumSet;

    #[test]
    fn sets_hold_every_value() {
        let all = EnumSet::<CryptoKeyFormat>::full();
        assert_eq!(all.numbers(), [2, 3, 4, 5, 10_000]);
        assert_eq!(all.without(CryptoKeyFormat::Raw).numbers(), [2, 4, 5, 10_000]);
    }

    #[test]
    fn an_old_scheme_stands_in_for_the_spec() {
        assert_eq!(SigningKeySpec::from_spec_or_scheme(0, 3), Ok(SigningKeySpec::EcP384));
        assert_eq!(SigningKeySpec::from_spec_or_scheme(4, 3), Ok(SigningKeySpec::EcSecp256k1));
        assert!(SigningKeySpec::from_spec_or_scheme(0, 0).is_err());
        assert!(SigningKeySpec::from_spec_or_scheme(0, 4).is_err());
        assert!(SigningKeySpec::from_spec_or_scheme(0, -1).is_err());
        assert_eq!(EncryptionKeySpec::from_spec_or_scheme(0, 3), Ok(EncryptionKeySpec::Rsa2048));
    }
}
