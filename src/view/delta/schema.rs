//! Arrow's types as Delta writes them.

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use serde_json::{Value, json};

/// The schema of a table; the message of a failure names the column. Delta has no unsigned numbers: they are of the next
/// larger type.
pub(super) fn struct_type(fields: &Fields) -> Result<Value, String> {
    let fields = fields.iter().map(|field| {
        Ok(json!({
            "name": field.name(),
            "type": delta_type(field)?,
            "nullable": field.is_nullable(),
            "metadata": {},
        }))
    });
    Ok(json!({ "type": "struct", "fields": fields.collect::<Result<Vec<_>, String>>()? }))
}

fn delta_type(field: &Field) -> Result<Value, String> {
    Ok(match field.data_type() {
        DataType::Boolean => json!("boolean"),
        DataType::Int8 => json!("byte"),
        DataType::Int16 | DataType::UInt8 => json!("short"),
        DataType::Int32 | DataType::UInt16 => json!("integer"),
        DataType::Int64 | DataType::UInt32 => json!("long"),
        DataType::Float32 => json!("float"),
        DataType::Float64 => json!("double"),
        DataType::Date32 => json!("date"),
        // Without a zone it would be a table feature that every reader has to have.
        DataType::Timestamp(_, Some(_)) => json!("timestamp"),
        DataType::Decimal128(precision, scale @ 0..) => {
            json!(format!("decimal({precision},{scale})"))
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => json!("string"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => json!("binary"),
        DataType::Struct(fields) => struct_type(fields)?,
        DataType::List(item) | DataType::LargeList(item) => json!({
            "type": "array",
            "elementType": delta_type(item)?,
            "containsNull": item.is_nullable(),
        }),
        other => {
            return Err(format!(
                "Delta tables have no type for column `{}`, {other}",
                field.name()
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_its_delta_type_or_is_named() {
        let delta = |data_type| struct_type(&Fields::from(vec![Field::new("x", data_type, true)]));
        let is = |data_type| delta(data_type).unwrap()["fields"][0]["type"].clone();
        assert_eq!(is(DataType::UInt32), "long");
        assert_eq!(is(DataType::Decimal128(18, 2)), "decimal(18,2)");
        assert_eq!(
            is(DataType::new_list(DataType::Utf8, false)),
            json!({ "type": "array", "elementType": "string", "containsNull": false })
        );
        let none = delta(DataType::UInt64).unwrap_err();
        assert_eq!(none, "Delta tables have no type for column `x`, UInt64");
    }
}
