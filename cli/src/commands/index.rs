//! The command that creates, drops and lists indexes. Never builds one itself.

use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;
use ferrumdb::{FieldPath, WorkKind};
use serde_json::json;

use crate::exit::{Outcome, Status};
use crate::opening::{Opened, Place};
use crate::options::Options;
use crate::progress::{Of, Work, told_of};
use crate::{listings, suggestions, typed};

const EXAMPLES: &str = r#"Examples:
  ferrumdb index create my.db role              from now on, `find` on role costs what it finds
  ferrumdb index create my.db address.city      on a field in a field
  ferrumdb index list my.db                     the indexes, with how many entries they have
  ferrumdb index drop my.db role

An index is built once, kept up with every commit, and there again when the file is opened again."#;

const CREATE_EXAMPLES: &str = r#"Examples:
  ferrumdb index create my.db role               beside whoever reads; Ctrl-C gives it up
  ferrumdb index create my.db address.city       on a field in a field
  ferrumdb index create my.db '["a.b","c"]'      on a field whose name has a dot
  ferrumdb index create my.db total --collection orders --if-absent"#;

const DROP_EXAMPLES: &str = r#"Examples:
  ferrumdb index drop my.db role                 documents stay; finding by role looks at all of them then
  ferrumdb index drop my.db total --collection orders"#;

const LIST_EXAMPLES: &str = r#"Examples:
  ferrumdb index list my.db                      entries, how often each was asked, memory
  ferrumdb index list my.db --json | jq -r '.[].field'"#;

/// Creates, drops and lists indexes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Index {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Creates an index on a field
    #[command(after_help = CREATE_EXAMPLES)]
    Create {
        #[command(flatten)]
        place: Place,
        /// The field; dots lead into fields of fields
        #[arg(value_parser = typed::field)]
        field: FieldPath,
        /// Say nothing if there is one already
        #[arg(long)]
        if_absent: bool,
    },
    /// Drops the index on a field
    #[command(after_help = DROP_EXAMPLES)]
    Drop {
        #[command(flatten)]
        place: Place,
        /// The field
        #[arg(value_parser = typed::field, add = ArgValueCompleter::new(suggestions::fields))]
        field: FieldPath,
    },
    /// Lists the indexes: entries, uses, memory
    #[command(after_help = LIST_EXAMPLES)]
    List {
        #[command(flatten)]
        place: Place,
    },
}

impl Index {
    pub(super) fn run(&self, options: &Options) -> Outcome {
        match &self.action {
            Action::Create { place, field, if_absent } => {
                place.write(false, options, |opened| create(opened, field, *if_absent, options))
            }
            Action::Drop { place, field } => {
                place.write(false, options, |Opened { used, output, .. }| {
                    let sequence = used.drop_index(field.clone()).wait()?;
                    output.report(&json!({"field": field.to_string(), "sequence": sequence}), "OK")?;
                    Ok(Status::Good)
                })
            }
            Action::List { place } => place.read(options, |Opened { used, output, .. }| {
                listings::indexes(used, output)??;
                Ok(Status::Good)
            }),
        }
    }
}

fn create(opened: &mut Opened, field: &FieldPath, if_absent: bool, options: &Options) -> Outcome {
    let Opened { db, used, output } = opened;
    let name = field.to_string();
    if if_absent && used.indexes()?.iter().any(|index| index.path == *field) {
        output.report(&json!({"field": name}), "OK")?;
        return Ok(Status::Good);
    }
    let work = Work::begin(options.progress, "building the index", Of::Documents(0));
    let kind = WorkKind::Index { collection: used.name().map(Into::into), field: field.clone() };
    let stop = || drop(used.drop_index(field.clone()));
    let created = work.watch(|| used.create_index(field.clone()), || told_of(db, &kind), Some(&stop));
    drop(work);
    output.report(&json!({"field": name, "sequence": created?}), "OK")?;
    Ok(Status::Good)
}
