//! What tch and torch-sys use of the zip crate: archives whose files are stored uncompressed, as
//! `Tensor::write_npz` writes them.
//!
//! tch enables all features of zip 0.6, among them zstd and bzip2 in C and AES, and torch-sys needs
//! them once more for its build script. Nothing in clbench reads or writes an archive with them.

pub use zip_without_compressors::*;

#[cfg(test)]
mod tests {
    use super::write::FileOptions;
    use super::{CompressionMethod, ZipArchive, ZipWriter};
    use std::io::{Cursor, Read, Write};

    #[test]
    fn a_stored_file_is_read_as_it_was_written() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = FileOptions::default().compression_method(CompressionMethod::Stored);
        writer.start_file("weight.npy", options).unwrap();
        writer.write_all(b"numbers").unwrap();

        let mut archive = ZipArchive::new(writer.finish().unwrap()).unwrap();
        let mut file = archive.by_index(0).unwrap();
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        assert_eq!((file.name(), content.as_str()), ("weight.npy", "numbers"));
    }
}
