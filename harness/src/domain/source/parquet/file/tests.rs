use super::*;
use ::parquet::data_type::ByteArray;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use std::sync::Arc;
use tempfile::TempDir;

/// A file with one row for each definition level of its image bytes. A row whose level is `most`
/// has a value: its own number.
fn file(
    schema: &str,
    (most, levels): (i16, &[i16]),
    labels: &[i64],
    label_levels: Option<&[i16]>,
) -> TempDir {
    let folder = TempDir::new().unwrap();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = File::create(folder.path().join("x.parquet")).unwrap();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let there = (0..levels.len()).filter(|&row| levels[row] == most);
    let bytes: Vec<_> = there.map(|row| ByteArray::from(vec![row as u8])).collect();
    let levels = Some(levels).filter(|_| most > 0);
    let typed = column.typed::<ByteArrayType>();
    typed.write_batch(&bytes, levels, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let typed = column.typed::<Int64Type>();
    typed.write_batch(labels, label_levels, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    folder
}

/// The number in each row's image, and its label.
fn rows(folder: &TempDir) -> Vec<(Option<u8>, Option<i64>)> {
    let path = folder.path().join("x.parquet");
    let file = Opened::new(&path).unwrap();
    let content = file.content("image", "label").unwrap();
    let block = content.images.block(0);
    assert_eq!(
        block.rows.len(),
        content.labels.len(),
        "a small file is one block"
    );
    let images = content
        .images
        .images(File::open(&path).unwrap(), block)
        .unwrap();
    let label = |label| match label {
        Some(Label::Number(number)) => Some(number),
        Some(Label::Text(_)) => panic!("labels are numbers"),
        None => None,
    };
    let images = images.into_iter().map(|image| image.map(|bytes| bytes[0]));
    images.zip(content.labels.into_iter().map(label)).collect()
}

#[test]
fn columns_that_cannot_be_null_have_a_value_in_every_row() {
    let schema =
        "message m { required group image { required binary bytes; } required int64 label; }";
    let folder = file(schema, (0, &[0, 0, 0]), &[5, 6, 7], None);
    let expected = [(Some(0), Some(5)), (Some(1), Some(6)), (Some(2), Some(7))];
    assert_eq!(rows(&folder), expected);
}

#[test]
fn a_value_may_be_null_at_any_depth() {
    let schema =
        "message m { optional group image { optional binary bytes; } optional int64 label; }";
    // No struct, a struct without bytes, a struct with bytes.
    let folder = file(
        schema,
        (2, &[0, 1, 2, 1, 2]),
        &[5, 7],
        Some(&[1, 0, 0, 1, 0]),
    );
    let expected = [
        (None, Some(5)),
        (None, None),
        (Some(2), None),
        (None, Some(7)),
        (Some(4), None),
    ];
    assert_eq!(rows(&folder), expected);
}

#[test]
fn a_file_may_have_no_image_at_all() {
    let schema =
        "message m { optional group image { optional binary bytes; } required int64 label; }";
    let folder = file(schema, (2, &[1, 0]), &[5, 6], None);
    assert_eq!(rows(&folder), [(None, Some(5)), (None, Some(6))]);
}

/// The footer is not read again, so what is kept of it must lead to every row.
#[test]
fn rows_are_found_in_every_row_group() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.parquet");
    let schema = "message m { required binary image; required int64 label; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let create = File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(create, schema, properties).unwrap();
    let mut row = 0;
    for rows in [3, 1, 5] {
        let numbers: Vec<i64> = (row..row + rows).collect();
        let images = numbers
            .iter()
            .map(|&row| ByteArray::from(vec![row as u8; 9]));
        let images: Vec<_> = images.collect();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let typed = column.typed::<ByteArrayType>();
        typed.write_batch(&images, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let typed = column.typed::<Int64Type>();
        typed.write_batch(&numbers, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        row += rows;
    }
    writer.close().unwrap();

    let opened = Opened::new(&path).unwrap();
    let images = opened.content("image", "label").unwrap().images;
    for row in 0..9 {
        let block = images.block(images.block_of(row));
        let found = images.images(File::open(&path).unwrap(), block).unwrap();
        assert_eq!(found[row - block.first], Some(vec![row as u8; 9]));
    }
}
