//! Checks that a file has the content that the hub lists.

use harness_hub::ContentId;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Seek, Write};

/// How a file's content differs from an id, or `None` if it does not.
pub(super) fn difference(mut file: &File, id: &ContentId) -> io::Result<Option<String>> {
    let (kind, found) = match id.is_sha256() {
        true => ("SHA-256", hash::<Sha256>("", file)?),
        false => {
            let header = format!("blob {}\0", file.metadata()?.len());
            let found = hash::<Sha1>(&header, file)?;
            // A hub that does not keep its files in git lists the SHA-1 without git's header.
            match found == id.as_str() || hash::<Sha1>("", file)? == id.as_str() {
                true => return Ok(None),
                false => ("git id", found),
            }
        }
    };
    file.rewind()?;
    let differs = found != id.as_str();
    let short = |id: &str| id[..12].to_owned();
    Ok(differs.then(|| {
        format!(
            "{kind} {}… instead of {}…",
            short(&found),
            short(id.as_str())
        )
    }))
}

/// The id of a content for which the hub lists none.
pub(super) fn id(file: &File) -> io::Result<ContentId> {
    Ok(sha256(&hash::<Sha256>("", file)?))
}

/// A name for something that has no content yet.
pub(super) fn id_of_name(name: &str) -> ContentId {
    sha256(&format!("{:x}", Sha256::digest(name)))
}

fn sha256(digits: &str) -> ContentId {
    ContentId::sha256(digits).expect("a SHA-256 in lowercase")
}

fn hash<H: Digest + Write>(header: &str, mut file: &File) -> io::Result<String> {
    file.rewind()?;
    let mut hash = H::new();
    hash.write_all(header.as_bytes())?;
    io::copy(&mut file, &mut hash)?;
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_compared_with_its_sha256_or_its_git_id() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"hello\n").unwrap();
        let differs = |id: &ContentId| difference(&file, id).unwrap();
        // From `git hash-object`, `sha1sum` and `sha256sum`.
        for git in [
            "ce013625030ba8dba906f756967f9e9ca394464a",
            "f572d396fae9206628714fb2ce00f72e94f2258f",
        ] {
            assert_eq!(differs(&ContentId::git(git).unwrap()), None);
        }
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(differs(&ContentId::sha256(sha256).unwrap()), None);
        assert_eq!(id(&file).unwrap().as_str(), sha256);
        assert_eq!(
            differs(&ContentId::git(&"a".repeat(40)).unwrap()).unwrap(),
            "git id ce013625030b… instead of aaaaaaaaaaaa…"
        );
        assert_eq!(
            differs(&ContentId::sha256(&"a".repeat(64)).unwrap()).unwrap(),
            "SHA-256 5891b5b522d5… instead of aaaaaaaaaaaa…"
        );
    }
}
