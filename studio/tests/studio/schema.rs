//! Holds answers against the written interface: each has exactly the fields that it states, of the types that it states. It knows
//! the few words of JSON Schema that are used there, and refuses others.

use std::sync::LazyLock;

use serde_json::Value;

use crate::client::Answer;

pub(crate) static INTERFACE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../openapi.json")).unwrap());

/// That an answer in JSON is what is written for its route and status.
pub(crate) fn check(method: &str, path: &str, answer: &Answer) {
    let route = path.split('?').next().unwrap();
    let responses = &INTERFACE["paths"][route][method]["responses"];
    let stated = responses.get(answer.status.to_string());
    let stated = stated.unwrap_or_else(|| resolve(&responses["default"]));
    let schema = stated["content"].get("application/json").map(|content| &content["schema"]);
    let is_json = answer.header("content-type") == Some("application/json");
    let Some(schema) = schema.filter(|_| is_json) else { return };
    if let Err(complaint) = matches(&answer.json(), schema, "answer") {
        panic!("{method} {path}: {complaint}\n{}", answer.json());
    }
}

/// That a value is what a schema of this name says.
pub(crate) fn check_named(name: &str, value: &Value) {
    let schema = &INTERFACE["components"]["schemas"][name];
    assert!(schema.is_object(), "there is no schema {name}");
    if let Err(complaint) = matches(value, schema, name) {
        panic!("{complaint}\n{value}");
    }
}

fn resolve(schema: &'static Value) -> &'static Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(place) => INTERFACE.pointer(place.strip_prefix('#').unwrap()).unwrap(),
        None => schema,
    }
}

fn matches(value: &Value, schema: &'static Value, place: &str) -> Result<(), String> {
    let schema = resolve(schema);
    for word in schema.as_object().unwrap().keys() {
        let known = [
            "type",
            "description",
            "oneOf",
            "enum",
            "required",
            "properties",
            "additionalProperties",
            "items",
            "minimum",
            "maximum",
            "minItems",
        ];
        assert!(known.contains(&&**word), "{place}: the word {word} is not known here");
    }
    if let Some(ways) = schema.get("oneOf").and_then(Value::as_array) {
        let fits = ways.iter().any(|way| matches(value, way, place).is_ok());
        return if fits { Ok(()) } else { Err(format!("{place}: none of the ways fits")) };
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => vec![one.as_str().unwrap()],
    };
    if !types.iter().any(|name| is_of(value, name)) {
        return Err(format!("{place}: {value} is not of {types:?}"));
    }
    if schema.get("enum").and_then(Value::as_array).is_some_and(|values| !values.contains(value)) {
        return Err(format!("{place}: {value} is none of those that are stated"));
    }
    if let Value::Array(items) = value {
        return items.iter().try_for_each(|item| matches(item, &schema["items"], &format!("{place}[]")));
    }
    let Value::Object(fields) = value else { return Ok(()) };
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if !fields.contains_key(name.as_str().unwrap()) {
            return Err(format!("{place}: {name} is missing"));
        }
    }
    fields.iter().try_for_each(|(name, value)| {
        let place = format!("{place}.{name}");
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(schema), _) => matches(value, schema, &place),
            (None, schema @ Value::Object(_)) => matches(value, schema, &place),
            (None, _) => Err(format!("{place} is not stated")),
        }
    })
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => panic!("there is no type {name}"),
    }
}
