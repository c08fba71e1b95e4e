//! Every error that reaches the user, with its exit code.

use crate::domain::DomainError;
use crate::exit_code::ExitCode;
use crate::features::FeatureError;
use crate::full_disk::FullDisk;
use crate::hub::HubError;
use crate::init::InitError;
use crate::metric::MetricError;
use crate::plugin::PluginError;
use crate::project::ProjectError;
use crate::report::ReportError;
use crate::results::{Cause, ResultsError};
use crate::run::{LogEnd, ScoreError};
use crate::scenario::{ExpectationCheck, LimitExceeded, ScenarioError};
use crate::stream::StreamError;
use harness_abi::ErrorCode;
use std::path::{Path, PathBuf};

/// An error of any stage. Its text is what the user reads.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line.
    #[error("{0}")]
    Usage(String),
    /// The scenario.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A stream that its domain does not allow.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// A plugin.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// A domain.
    #[error("domain `{domain}`: {error}")]
    Domain {
        /// Its name in the scenario.
        domain: String,
        /// What is wrong.
        error: DomainError,
    },
    /// A domain that does not match the scenario's `expect`.
    #[error(
        "{of} does not match its `expect`: {} {}, expected {}; run `clbench data verify {}` for details, \
         or change `expect` to use the data as it is",
        check.what, check.found, check.expected.as_deref().unwrap_or_default(), scenario.display()
    )]
    Unexpected {
        /// A domain or a stream, in words.
        of: String,
        /// The scenario's file.
        scenario: PathBuf,
        /// What differs.
        check: Box<ExpectationCheck>,
    },
    /// Domains and streams in which `data verify` found a problem.
    #[error("{bad} of {total} {what} failed; see the lines marked `FAILED` above")]
    Off {
        /// `domains`, or `domains and streams`.
        what: &'static str,
        /// How many failed.
        bad: usize,
        /// How many there are.
        total: usize,
    },
    /// A plugin in which `plugin check` found failures.
    #[error("{what} failed; see the lines marked `FAILED` above")]
    Nonconforming {
        /// What failed, in words.
        what: String,
    },
    /// A run folder in which `results verify` found problems.
    #[error(
        "`{}` is not as it should be: {problems} problem{}; see the lines marked `FAILED` above",
        dir.display(), if *problems == 1 { "" } else { "s" }
    )]
    Unverified {
        /// The folder.
        dir: PathBuf,
        /// How many problems.
        problems: usize,
    },
    /// The data changed between planning and running.
    #[error(
        "domain `{domain}` changed after the run was planned (split {found}, planned {planned}); run again"
    )]
    DomainChanged {
        /// Its name.
        domain: String,
        /// The split hash now.
        found: String,
        /// The split hash then.
        planned: String,
    },
    /// The code of a script changed between planning and running.
    #[error("the code of strategy `{strategy}` changed after the run was planned; run again")]
    SourcesChanged {
        /// The name of its row.
        strategy: String,
    },
    /// The weights changed between planning and running.
    #[error(
        "backbone `{backbone}` changed after the run was planned (fingerprint {found}, planned {planned}); run again"
    )]
    BackboneChanged {
        /// Its name.
        backbone: String,
        /// The fingerprint now.
        found: String,
        /// The fingerprint then.
        planned: String,
    },
    /// A backbone whose type depends on the device: plans are made on the CPU.
    #[error(
        "backbone `{backbone}` computes in {found} on `{device}`, but the cell was planned with {planned}; this is a bug \
         in the plugin, whose backbones must compute in the same type on every device"
    )]
    BackboneType {
        /// Its name.
        backbone: String,
        /// The device.
        device: String,
        /// The type there.
        found: String,
        /// The type when it was planned.
        planned: String,
    },
    /// What `validate --strict` could not check.
    #[error("{} could not be checked, and `--strict` allows none", match count {
        1 => "1 thing".to_owned(),
        count => format!("{count} things"),
    })]
    Unchecked {
        /// How much.
        count: usize,
        /// The exit code of a run that fails for the first of them.
        code: ExitCode,
    },
    /// Logits that cannot be scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// A strategy that breaks the protocol.
    #[error("strategy `{strategy}`: {what}")]
    Protocol {
        /// The row.
        strategy: String,
        /// What it did.
        what: String,
    },
    /// A folder of images that no scenario was written for.
    #[error(transparent)]
    Init(#[from] InitError),
    /// A project that was not created.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A model that cannot be fetched.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The content of a run folder.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// Metrics.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// Tables.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A file that clbench reads or writes itself.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Standard output.
    #[error("cannot write to standard output: {0}")]
    Output(#[source] std::io::Error),
    /// A child process that failed.
    #[error("{message}{}", log_shown(log.as_deref(), *ending))]
    Child {
        /// What it reported, or how it ended.
        message: String,
        /// Its exit code.
        code: ExitCode,
        /// How it ended.
        ending: Ending,
        /// The end of its log.
        log: Option<Box<LogEnd>>,
    },
    /// A process that was ended because it exceeded a limit.
    #[error("{}{}", limit_shown(stage.as_deref(), exceeded), log_shown(log.as_deref(), Ending::Killed))]
    Limit {
        /// What it was doing.
        stage: Option<String>,
        /// The limit.
        exceeded: LimitExceeded,
        /// The end of its log.
        log: Option<Box<LogEnd>>,
    },
    /// Some cells have no result.
    #[error("{}", cells_shown(*failed, *total, *not_run))]
    Cells {
        /// How many failed.
        failed: usize,
        /// How many there are.
        total: usize,
        /// How many others have no result: those that were not run because of the ones that
        /// failed, and those that a cluster has ended.
        not_run: usize,
    },
    /// An executor that cannot run cells, or that no longer waits for them.
    #[error("{message}")]
    Executor {
        /// Why, and what to do.
        message: String,
        /// Its exit code.
        code: ExitCode,
    },
    /// Ctrl-C.
    #[error("interrupted; run again to resume")]
    Interrupted,
    /// A feature cache that cannot be used.
    #[error("feature cache {}: {source}; set CLBENCH_CACHE to a writable folder", path.display())]
    Features {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A disk that is full.
    #[error(transparent)]
    FullDisk(Box<FullDisk>),
    /// A bug in clbench.
    #[error("internal error: {0}")]
    Internal(String),
}

/// How a child process ended that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It reported an error.
    Reported,
    /// It ended without reporting an error, which only a plugin's code can cause.
    Crashed,
    /// It was killed, which is not its fault as far as anyone can tell.
    Killed,
}

impl Error {
    /// The exit code that goes with it.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Error::Usage(_) | Error::Scenario(_) | Error::Stream(_) => ExitCode::Usage,
            Error::Plugin(PluginError::Failed { error, .. }) => match error.code() {
                ErrorCode::PARAMETER => ExitCode::Usage,
                ErrorCode::DATA => ExitCode::Data,
                ErrorCode::CANCELLED => ExitCode::Interrupted,
                _ => ExitCode::Plugin,
            },
            Error::Plugin(_)
            | Error::Score(_)
            | Error::Protocol { .. }
            | Error::Nonconforming { .. }
            | Error::Limit { .. }
            | Error::BackboneType { .. } => ExitCode::Plugin,
            Error::Unchecked { code, .. } => *code,
            Error::Domain { .. }
            | Error::Unexpected { .. }
            | Error::Off { .. }
            | Error::Unverified { .. }
            | Error::DomainChanged { .. }
            | Error::SourcesChanged { .. }
            | Error::BackboneChanged { .. } => ExitCode::Data,
            Error::Init(error) => error.exit_code(),
            Error::Project(error) => error.exit_code(),
            Error::Hub(HubError::Name(_) | HubError::Variable { .. }) => ExitCode::Usage,
            Error::Hub(_) => ExitCode::Data,
            Error::Child { code, .. } | Error::Executor { code, .. } => *code,
            Error::Cells { .. } => ExitCode::Cells,
            Error::Interrupted => ExitCode::Interrupted,
            Error::Results(error) => match error {
                ResultsError::NoCells { .. }
                | ResultsError::NoneCurrent { .. }
                | ResultsError::RunFile { .. }
                | ResultsError::OtherScenario { .. }
                | ResultsError::Format { .. } => ExitCode::Usage,
                ResultsError::NoResults { .. }
                | ResultsError::NotPacked { .. }
                | ResultsError::Occupied { .. } => ExitCode::Usage,
                ResultsError::Damaged { .. }
                | ResultsError::PackedLine { .. }
                | ResultsError::SourceChanged { .. } => ExitCode::Data,
                ResultsError::Io { .. } => ExitCode::Internal,
            },
            Error::Metric(error) | Error::Report(ReportError::Metric(error)) => match error {
                MetricError::Unknown { .. } => ExitCode::Usage,
                MetricError::Failed { .. } => ExitCode::Plugin,
            },
            Error::Report(error) => match error {
                ReportError::Ambiguous { .. } | ReportError::ClassOrder { .. } => ExitCode::Data,
                ReportError::UnknownStrategy { .. }
                | ReportError::SeveralRows { .. }
                | ReportError::SameStrategy { .. } => ExitCode::Usage,
                ReportError::Metric(_) | ReportError::Unwritten { .. } => ExitCode::Internal,
            },
            Error::File { .. }
            | Error::Output(_)
            | Error::Features { .. }
            | Error::FullDisk(_)
            | Error::Internal(_) => ExitCode::Internal,
        }
    }

    /// What caused a cell to fail with this error, if running it again would only repeat it: its
    /// plugins, parameters or limits, but not its data, the disk, or whatever killed it.
    pub fn lasting(&self) -> Option<Cause> {
        match self {
            Error::Limit { exceeded, .. } => Some(Cause::Limit(*exceeded)),
            Error::Child {
                ending: Ending::Killed,
                ..
            } => None,
            error => match error.exit_code() {
                ExitCode::Plugin | ExitCode::Usage => Some(Cause::Plugin),
                _ => None,
            },
        }
    }

    /// The error without the log of the process in which it occurred, and the end of that log.
    pub fn apart_from_log(&self) -> (String, Option<&LogEnd>) {
        match self {
            Error::Child { message, log, .. } => (message.clone(), log.as_deref()),
            Error::Limit {
                stage,
                exceeded,
                log,
            } => (limit_shown(stage.as_deref(), exceeded), log.as_deref()),
            error => (error.to_string(), None),
        }
    }

    /// An error of a child process, with the end of the child's log.
    #[must_use]
    pub fn with_log(mut self, end: Option<Box<LogEnd>>) -> Error {
        match &mut self {
            Error::Child { code, log, .. } if *code != ExitCode::Interrupted => *log = end,
            Error::Limit { log, .. } => *log = end,
            _ => {}
        }
        self
    }

    /// The same error, or [`FullDisk`](Error::FullDisk) if that is the cause.
    #[must_use]
    pub fn or_full_disk(self) -> Error {
        match FullDisk::behind(&self) {
            Some(full) => Error::FullDisk(Box::new(full)),
            None => self,
        }
    }

    /// For `map_err`: an error about a file.
    pub fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    }

    /// For `map_err`: an error about a domain.
    pub fn domain(name: &str) -> impl FnOnce(DomainError) -> Error {
        let domain = name.to_owned();
        move |error| Error::Domain { domain, error }
    }
}

fn limit_shown(stage: Option<&str>, exceeded: &LimitExceeded) -> String {
    match stage {
        Some(stage) => format!("{stage}: {exceeded}"),
        None => exceeded.to_string(),
    }
}

fn cells_shown(failed: usize, total: usize, not_run: usize) -> String {
    let them = |number| if number == 1 { "it" } else { "them" };
    match (failed, not_run) {
        (0, not_run) => format!(
            "{not_run} of {total} cells have no result yet; run again to continue with {}",
            them(not_run)
        ),
        (failed, 0) => format!(
            "{failed} of {total} cells failed; add --retry-failed to run {} again",
            them(failed)
        ),
        (failed, not_run) => format!(
            "{failed} of {total} cells failed, and {not_run} have no result yet; run again for those, \
             with --retry-failed also for what failed"
        ),
    }
}

/// If a process has not said why it ended, the end of its log may tell.
fn log_shown(log: Option<&LogEnd>, ending: Ending) -> String {
    match log {
        Some(log) if ending == Ending::Reported => LogEnd {
            path: log.path.clone(),
            lines: Vec::new(),
        }
        .to_string(),
        Some(log) => log.to_string(),
        None => String::new(),
    }
}

impl From<FeatureError<Error>> for Error {
    fn from(error: FeatureError<Error>) -> Error {
        match error {
            FeatureError::Compute(error) => error,
            FeatureError::Stopped => Error::Interrupted,
            FeatureError::Store { path, source } => Error::Features { path, source },
        }
    }
}
