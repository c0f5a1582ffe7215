//! The node's keys: public ones that it knows, private ones that it owns.

use bytes::Bytes;
use synod_types::Fingerprint;
use zeroize::Zeroizing;

use crate::seal::Sealer;
use crate::sql::{Arg, Row, Session};
use crate::{Store, StoreError, StoreFault, StoreRefused};

/// A public key that the node knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeyRow {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// A name that an operator gave it.
    pub name: Option<String>,
    /// The key as a protobuf message; the store does not look into it.
    pub public_key: Bytes,
    /// Whether the private key is here too. Not looked at when written.
    pub owned: bool,
}

impl Store {
    /// Stores a public key, or replaces its name and message.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn put_public_key(&self, key: &PublicKeyRow) -> Result<(), StoreFault> {
        let mut transaction = self.begin_write().await?;
        put_public_key(&mut transaction.session(), key).await?;
        transaction.commit().await
    }

    /// Stores a key pair, the private key as PKCS#8 DER, encrypted when the store has a key file. Storing it
    /// again changes nothing but the name.
    ///
    /// # Errors
    /// [`StoreFault`] when encryption or the database fails.
    pub async fn put_key_pair(&self, key: &PublicKeyRow, pkcs8_der: &[u8]) -> Result<(), StoreFault> {
        let (sealed, text) = self.seal(key.fingerprint.as_str(), pkcs8_der)?;
        let mut transaction = self.begin_write().await?;
        let mut session = transaction.session();
        put_public_key(&mut session, key).await?;
        let insert = "INSERT INTO private_keys (fingerprint, sealed, private_key) VALUES ($1, $2, $3) \
                      ON CONFLICT (fingerprint) DO UPDATE SET sealed = excluded.sealed, \
                      private_key = excluded.private_key";
        let args = [Arg::Text(key.fingerprint.as_str()), Arg::Int(sealed), Arg::Bytes(&text)];
        session.execute(insert, &args).await?;
        transaction.commit().await
    }

    /// All public keys, by fingerprint.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn public_keys(&self) -> Result<Vec<PublicKeyRow>, StoreFault> {
        let select = "SELECT p.fingerprint, p.name, p.public_key, \
                      (SELECT COUNT(*) FROM private_keys s WHERE s.fingerprint = p.fingerprint) \
                      FROM public_keys p ORDER BY p.fingerprint";
        let mut connection = self.reader().await?;
        let rows = connection.session().fetch(select, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(PublicKeyRow {
                    fingerprint: fingerprint(row)?,
                    name: row.opt_free_text(1)?.map(ToOwned::to_owned),
                    public_key: row.bytes(2)?,
                    owned: row.int(3)? > 0,
                })
            })
            .collect()
    }

    /// A private key as PKCS#8 DER.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails or the key cannot be decrypted.
    pub async fn private_key(&self, name: &Fingerprint) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFault> {
        let select = "SELECT fingerprint, sealed, private_key FROM private_keys WHERE fingerprint = $1";
        let mut connection = self.reader().await?;
        let row = connection.session().fetch_optional(select, &[Arg::Text(name.as_str())]).await?;
        row.map(|row| self.open_key(&row)).transpose()
    }

    /// All private keys as PKCS#8 DER, by fingerprint.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails or a key cannot be decrypted.
    pub async fn private_keys(&self) -> Result<Vec<(Fingerprint, Zeroizing<Vec<u8>>)>, StoreFault> {
        let select = "SELECT fingerprint, sealed, private_key FROM private_keys ORDER BY fingerprint";
        let mut connection = self.reader().await?;
        let rows = connection.session().fetch(select, &[]).await?;
        rows.iter().map(|row| Ok((fingerprint(row)?, self.open_key(row)?))).collect()
    }

    /// Deletes a key pair; true when there was one.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn delete_key_pair(&self, name: &Fingerprint) -> Result<bool, StoreFault> {
        let mut transaction = self.begin_write().await?;
        let mut session = transaction.session();
        let mut rows = 0;
        for delete in
            ["DELETE FROM private_keys WHERE fingerprint = $1", "DELETE FROM public_keys WHERE fingerprint = $1"]
        {
            rows += session.execute(delete, &[Arg::Text(name.as_str())]).await?;
        }
        transaction.commit().await?;
        Ok(rows > 0)
    }

    /// Checks that the key file opens the private keys, and encrypts those that are stored in clear.
    pub(crate) async fn check_key_file(&self) -> Result<(), StoreError> {
        let mut transaction = self.begin_write().await?;
        let mut session = transaction.session();
        let rows = session.fetch("SELECT fingerprint, sealed, private_key FROM private_keys", &[]).await?;
        let mut encrypted = 0;
        for row in &rows {
            let name = row.text(0)?;
            match (row.int(1)? != 0, &self.inner().sealer) {
                (true, None) => return Err(StoreRefused::KeyFileMissing.into()),
                (true, Some(sealer)) => {
                    sealer.open(name, row.slice(2)?).ok_or(StoreRefused::WrongKeyFile)?;
                }
                (false, Some(sealer)) => {
                    let text = sealer.seal(name, row.slice(2)?)?;
                    let update = "UPDATE private_keys SET sealed = 1, private_key = $2 WHERE fingerprint = $1";
                    session.execute(update, &[Arg::Text(name), Arg::Bytes(&text)]).await?;
                    encrypted += 1;
                }
                (false, None) => {}
            }
        }
        transaction.commit().await?;
        if encrypted > 0 {
            tracing::info!(encrypted, "private keys that were stored in clear are encrypted now");
        }
        Ok(())
    }

    fn seal(&self, name: &str, plain: &[u8]) -> Result<(i64, Zeroizing<Vec<u8>>), StoreFault> {
        match &self.inner().sealer {
            Some(sealer) => Ok((1, Zeroizing::new(sealer.seal(name, plain)?))),
            None => Ok((0, Zeroizing::new(plain.to_vec()))),
        }
    }

    fn open_key(&self, row: &Row) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
        let (name, text) = (row.text(0)?, row.slice(2)?);
        if row.int(1)? == 0 {
            return Ok(Zeroizing::new(text.to_vec()));
        }
        let open = |sealer: &Sealer| sealer.open(name, text);
        let reason = "was encrypted under another key file after this node started";
        self.inner().sealer.as_ref().and_then(open).ok_or_else(|| StoreFault::corrupt("private_keys", reason))
    }
}

fn fingerprint(row: &Row) -> Result<Fingerprint, StoreFault> {
    Fingerprint::parse(row.text(0)?).map_err(|error| StoreFault::corrupt("public_keys", error))
}

async fn put_public_key(session: &mut Session<'_>, key: &PublicKeyRow) -> Result<(), StoreFault> {
    let insert = "INSERT INTO public_keys (fingerprint, name, public_key) VALUES ($1, $2, $3) \
                  ON CONFLICT (fingerprint) DO UPDATE SET name = excluded.name, public_key = excluded.public_key";
    let name = key.name.as_deref().map(str::as_bytes);
    let args = [Arg::Text(key.fingerprint.as_str()), Arg::OptBytes(name), Arg::Bytes(&key.public_key)];
    session.execute(insert, &args).await.map(|_| ())
}
