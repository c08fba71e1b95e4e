//! What the user wants to have checked, and the requests that this makes.

use super::python::{PythonClass, STRATEGY};
use super::{GivenParameter, Request, given};
use crate::error::Error;
use crate::plugin::{
    InvalidParameter, Kind, ParameterSchema, PluginError, PluginFile, PluginRef, Registry,
    SearchPath,
};
use crate::suggest;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A plugin file, or a class in a Python file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A plugin file.
    File(PathBuf),
    /// A strategy in Python.
    Python(PythonClass),
}

/// How to check it, as the user says.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The only offer to check.
    pub only: Option<(Kind, String)>,
    /// Parameters.
    pub parameters: Vec<GivenParameter>,
    /// The seed.
    pub seed: Option<u64>,
    /// The Python that runs a strategy in Python.
    pub interpreter: Option<PathBuf>,
}

/// One thing to check.
#[derive(Debug)]
pub struct Planned {
    /// What messages call it.
    pub shown: String,
    /// How to check it.
    pub request: Request,
    /// Why it cannot be checked, although the user has named nothing else: it needs parameters.
    pub incomplete: Option<Error>,
}

impl Target {
    /// Reads it from an argument.
    ///
    /// # Errors
    ///
    /// If it is a Python file without a class.
    pub fn parse(argument: &Path) -> Result<Target, Error> {
        Ok(match PythonClass::parse(argument)? {
            Some(class) => Target::Python(class),
            None => Target::File(argument.to_owned()),
        })
    }

    /// Finds the plugin, and lists what to check.
    ///
    /// # Errors
    ///
    /// If the plugin cannot be used or does not offer what the user has named, or if the parameters
    /// are not valid.
    pub fn plan(&self, options: &Options, search: &SearchPath) -> Result<Vec<Planned>, Error> {
        match self {
            Target::File(path) => of_file(&PluginFile::open(path)?, options),
            Target::Python(class) => of_class(class, options, search),
        }
    }
}

fn of_class(
    class: &PythonClass,
    options: &Options,
    search: &SearchPath,
) -> Result<Vec<Planned>, Error> {
    if let Some((kind, _)) = &options.only {
        return Err(Error::Usage(format!(
            "`{class}` is one strategy; leave `--{kind}` out"
        )));
    }
    let own = given::parameters(&options.parameters)?;
    let parameters = class.parameters(options.interpreter.as_deref(), own)?;
    let file = Registry::discover(search)?.find(Kind::Strategy, STRATEGY, None)?;
    check_parameters(&file, Kind::Strategy, STRATEGY, &parameters)?;
    Ok(vec![Planned {
        shown: class.to_string(),
        request: request(&file, Kind::Strategy, STRATEGY, parameters, options)?,
        incomplete: None,
    }])
}

fn of_file(file: &PluginFile, options: &Options) -> Result<Vec<Planned>, Error> {
    if options.interpreter.is_some() {
        return Err(Error::Usage(
            "`--interpreter` is for a strategy in Python, such as `my_method.py:MyMethod`".into(),
        ));
    }
    let offers = match &options.only {
        Some((kind, name)) => match file.offer(*kind, name) {
            Some(_) => vec![(*kind, name.as_str())],
            None => return Err(not_offered(file, *kind, name).into()),
        },
        None => all_offers(file),
    };
    let shown = file.path().display();
    if offers.is_empty() {
        return Err(Error::Usage(format!(
            "plugin {shown} offers neither strategies nor backbones, and the testkit checks nothing else"
        )));
    }
    if offers.len() > 1 && !options.parameters.is_empty() {
        return Err(Error::Usage(format!(
            "plugin {shown} offers {} strategies and backbones; name the one that `--parameters` is for with \
             `--strategy NAME` or `--backbone NAME`",
            offers.len()
        )));
    }
    let parameters = given::parameters(&options.parameters)?;
    let several = offers.len() > 1;
    let planned = offers.into_iter().map(|(kind, name)| {
        let invalid = check_parameters(file, kind, name, &parameters);
        let incomplete = match invalid {
            Err(error) if several => Some(error),
            checked => checked.map(|()| None)?,
        };
        Ok(Planned {
            shown: format!("{kind} `{name}`"),
            request: request(file, kind, name, parameters.clone(), options)?,
            incomplete,
        })
    });
    planned.collect()
}

/// The strategies and backbones of a file. The testkit has no checks of metrics, which are pure
/// functions.
fn all_offers(file: &PluginFile) -> Vec<(Kind, &str)> {
    let kinds = [Kind::Strategy, Kind::Backbone].into_iter();
    kinds
        .flat_map(|kind| {
            file.offers(kind)
                .iter()
                .map(move |offer| (kind, &*offer.name))
        })
        .collect()
}

fn request(
    file: &PluginFile,
    kind: Kind,
    name: &str,
    parameters: Value,
    options: &Options,
) -> Result<Request, Error> {
    let here = Path::new(".");
    Ok(Request {
        plugin: PluginRef::from(file),
        kind,
        name: name.to_owned(),
        parameters,
        folder: std::path::absolute(here).map_err(Error::file(here))?,
        seed: options.seed,
    })
}

/// Checks parameters against the schema in the file's manifest.
fn check_parameters(
    file: &PluginFile,
    kind: Kind,
    name: &str,
    parameters: &Value,
) -> Result<(), Error> {
    let schema = file.offer(kind, name).and_then(ParameterSchema::of);
    let checked = schema.map_or(Ok(()), |schema| schema.check(parameters));
    checked.map_err(|InvalidParameter { path, message }| {
        let at = match &path[..] {
            "" => String::new(),
            path => format!("{path}: "),
        };
        Error::Usage(format!(
            "{kind} `{name}`: {at}{message}; see `--parameters`"
        ))
    })
}

fn not_offered(file: &PluginFile, kind: Kind, name: &str) -> PluginError {
    let names = file.offers(kind).iter().map(|offer| offer.name.as_str());
    PluginError::NotOffered {
        path: file.path().to_owned(),
        kind,
        name: name.to_owned(),
        hint: suggest::hint(name, names),
    }
}
