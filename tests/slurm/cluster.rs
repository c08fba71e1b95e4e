//! A real Slurm cluster with one node, private to a test: its own daemons, key, ports and folder.

use clbench_tests::{skip, wait_for};
use std::fs::{self, File};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use tempfile::TempDir;

/// The name of the cluster's node, whatever this machine is called.
pub const NODE: &str = "node";

/// What tests use of Slurm. The daemons are usually in a folder that is not in `PATH`.
const PROGRAMS: [&str; 7] = [
    "munged",
    "slurmctld",
    "slurmd",
    "sbatch",
    "scancel",
    "scontrol",
    "squeue",
];

/// Waits until its standard input is closed, which happens even if the test is killed. Then ends
/// every process of the cluster, and removes its folder. The processes are those that have its
/// configuration in their environment: the daemons, and the jobs, which inherit it. They may have
/// started some with another environment, so their children and process groups end, too.
const REAPER: &str = r#"
end() {
    for child in $(cat "/proc/$1"/task/*/children); do
        end "$child"
    done
    kill -s KILL -- "$1" "-$1"
}
read -r _
for _ in $(seq 200); do
    found=$(grep -lszxF "SLURM_CONF=$1" /proc/[0-9]*/environ | cut -d/ -f3)
    [ -n "$found" ] || break
    for process in $found; do
        end "$process"
    done
    sleep 0.02
done
rm -rf -- "$2"
"#;

/// A running cluster. Dropping it ends its daemons and its jobs.
pub struct Cluster {
    dir: TempDir,
    conf: PathBuf,
    controller_port: u16,
    // In the order of their start. The first one is the reaper.
    processes: Mutex<Vec<(&'static str, Child)>>,
}

/// What differs between clusters.
#[derive(Clone, Copy)]
pub struct Settings {
    /// How many tasks can run at the same time; may be more than this machine has processors.
    pub processors: u32,
    /// One more than the highest index of an array's task.
    pub max_array_size: u32,
    /// How many GPUs the node says it has, at most four. Slurm only gives them out, so any devices
    /// will do.
    pub gpus: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            processors: 2,
            max_array_size: 1001,
            gpus: 0,
        }
    }
}

/// A job as `squeue` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The job's number, which all tasks of an array share.
    pub id: u32,
    /// The index in the array, if the job is an array's task.
    pub task: Option<u32>,
    /// `PENDING`, `RUNNING`, `COMPLETING`, `COMPLETED`, `FAILED`, `TIMEOUT`, `NODE_FAIL`, ...
    pub state: String,
    /// Why it is in this state; `None` if there is nothing to say.
    pub reason: String,
}

impl Cluster {
    /// Starts a cluster, in about half a second. If Slurm or MUNGE is not installed, says that the
    /// test is skipped.
    ///
    /// # Panics
    ///
    /// If they are installed and the cluster does not start; with the daemons' output.
    pub fn start(settings: Settings) -> Option<Cluster> {
        if let Some(missing) = PROGRAMS.iter().find(|name| find(name).is_none()) {
            skip(&format!(
                "Slurm needs the program {missing}; install the Debian packages slurmctld, slurmd, \
                 slurm-client and munge"
            ));
            return None;
        }
        // Not in the folder that TMPDIR names: the path of a socket must be short, and some
        // characters have a meaning in the configuration.
        let dir = tempfile::Builder::new()
            .prefix("slurm-")
            .tempdir_in("/tmp")
            .expect("a temporary folder");
        let conf = dir.path().join("slurm.conf");
        // Both at a time, so that they differ.
        let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [controller_port, node_port] =
            ports.map(|port| port.local_addr().expect("an address").port());
        let text = configuration(settings, dir.path(), controller_port, node_port);
        fs::write(&conf, text).expect("a configuration");
        let devices = ["null", "zero", "full", "random"]
            .iter()
            .take(settings.gpus);
        let gpus = devices.map(|device| format!("NodeName={NODE} Name=gpu File=/dev/{device}\n"));
        let gpus: String = gpus.collect();
        fs::write(dir.path().join("gres.conf"), gpus).expect("a configuration");
        let cluster = Cluster {
            dir,
            conf,
            controller_port,
            processes: Mutex::default(),
        };
        cluster.start_reaper();
        cluster.start_munge();
        cluster.start_controller();
        cluster.start_program("slurmd", &["-D", "-N", NODE]);
        cluster.wait("the node", || cluster.node_state() == "IDLE");
        Some(cluster)
    }

    /// The configuration file, to be given to Slurm's programs as `SLURM_CONF`.
    pub fn conf(&self) -> &Path {
        &self.conf
    }

    /// The output of one of Slurm's programs.
    ///
    /// # Panics
    ///
    /// If it fails, with its standard error.
    pub fn command(&self, program: &str, args: &[&str]) -> String {
        let output = Command::new(find(program).expect("one of Slurm's programs"))
            .args(args)
            .env("SLURM_CONF", &self.conf)
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {args:?}: {stderr}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// All jobs, including those that ended in the last five minutes, in the order of their numbers
    /// and tasks.
    ///
    /// # Panics
    ///
    /// If they cannot be listed.
    pub fn jobs(&self) -> Vec<Job> {
        let list = self.command("squeue", &["-h", "-r", "-t", "all", "-o", "%F|%K|%T|%r"]);
        let mut jobs: Vec<Job> = list
            .lines()
            .map(|line| {
                let fields: Vec<&str> = line.splitn(4, '|').collect();
                Job {
                    id: fields[0].parse().expect("a number"),
                    task: fields[1].parse().ok(),
                    state: fields[2].to_owned(),
                    reason: fields[3].to_owned(),
                }
            })
            .collect();
        jobs.sort_by_key(|job| (job.id, job.task));
        jobs
    }

    /// Takes the node down, as an administrator would: its tasks are reported to have failed at
    /// once, and get SIGTERM. No task starts until [`Cluster::resume_node`].
    ///
    /// # Panics
    ///
    /// If it does not go down.
    pub fn take_node_down(&self) {
        let name = format!("NodeName={NODE}");
        self.command("scontrol", &["update", &name, "State=DOWN", "Reason=test"]);
        self.wait("the node to go down", || {
            self.node_state().starts_with("DOWN")
        });
    }

    /// Puts the node back to work after [`Cluster::take_node_down`].
    ///
    /// # Panics
    ///
    /// If it does not come back.
    pub fn resume_node(&self) {
        let name = format!("NodeName={NODE}");
        self.command("scontrol", &["update", &name, "State=RESUME"]);
        // It may be allocated to a waiting task at once. An asterisk says that it has not answered.
        self.wait("the node to come back", || {
            matches!(&*self.node_state(), "IDLE" | "MIXED" | "ALLOCATED")
        });
    }

    /// Lets a running task that has a time limit reach it now. The controller looks at time limits
    /// every 30 seconds, so it ends within half a minute.
    ///
    /// # Panics
    ///
    /// If the limit cannot be changed.
    pub fn reach_time_limit(&self, id: u32, task: u32) {
        let job = format!("JobId={id}_{task}");
        self.command("scontrol", &["update", &job, "EndTime=now"]);
    }

    fn start_controller(&self) {
        self.start_program("slurmctld", &["-D"]);
        // Otherwise the first call of a program would fail, and wait before it tries again.
        let address = ("127.0.0.1", self.controller_port);
        self.wait("slurmctld", || TcpStream::connect(address).is_ok());
    }

    fn start_reaper(&self) {
        let mut reaper = Command::new("sh");
        reaper.args(["-c", REAPER, "reaper"]);
        reaper.arg(&self.conf).arg(self.dir.path());
        reaper.stdin(Stdio::piped());
        reaper.stdout(Stdio::null()).stderr(Stdio::null());
        // Otherwise Ctrl+C would end it with the test.
        reaper.process_group(0);
        let reaper = reaper.spawn().expect("sh starts");
        let mut processes = self.processes.lock().expect("no panic before");
        processes.push(("reaper", reaper));
    }

    fn start_munge(&self) {
        let path = |name| self.dir.path().join(name);
        let mut key = vec![0; 128];
        let mut random = File::open("/dev/urandom").expect("random numbers");
        io::Read::read_exact(&mut random, &mut key).expect("random numbers");
        let mut file = File::options();
        let file = file.write(true).create_new(true).mode(0o600);
        let mut file = file.open(path("munge.key")).expect("a new file");
        io::Write::write_all(&mut file, &key).expect("a key");
        // Forced, because it prefers folders that only root can write to.
        let mut args = vec!["--foreground".to_owned(), "--force".to_owned()];
        for (option, name) in [
            ("socket", "munge.socket"),
            ("key-file", "munge.key"),
            ("pid-file", "munge.pid"),
            ("seed-file", "munge.seed"),
            ("log-file", "munge.log"),
        ] {
            args.push(format!("--{option}={}", path(name).display()));
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.start_program("munged", &args);
        self.wait("munged", || path("munge.socket").exists());
    }

    /// Starts a daemon in the foreground. Its output must not be the test's: cargo waits until
    /// nobody can write to that any more.
    fn start_program(&self, name: &'static str, args: &[&str]) {
        let output = File::options()
            .create(true)
            .append(true)
            .open(self.output(name))
            .expect("a file for the output");
        let daemon = Command::new(find(name).expect("looked for at the start"))
            .args(args)
            .env("SLURM_CONF", &self.conf)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .spawn()
            .expect("the daemon starts");
        let mut processes = self.processes.lock().expect("no panic before");
        processes.push((name, daemon));
    }

    fn output(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.out"))
    }

    /// Waits until a condition holds.
    ///
    /// # Panics
    ///
    /// If a daemon has ended, with its output; or if the condition does not hold within a minute.
    fn wait(&self, what: &str, mut there: impl FnMut() -> bool) {
        wait_for(what, || {
            let mut processes = self.processes.lock().expect("no panic before");
            for (name, process) in processes.iter_mut() {
                if let Some(status) = process.try_wait().expect("it can be waited for") {
                    let output = fs::read_to_string(self.output(name)).unwrap_or_default();
                    panic!("{name} ended, {status}:\n{output}");
                }
            }
            drop(processes);
            there()
        });
    }

    fn node_state(&self) -> String {
        let node = self.command("scontrol", &["show", "node", NODE, "-o"]);
        let mut words = node.split_whitespace();
        let state = words.find_map(|word| word.strip_prefix("State="));
        state.expect("a node has a state").to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Also after a panic of a thread that held it.
        let processes = self.processes.get_mut();
        for (_, process) in processes.unwrap_or_else(|poisoned| poisoned.into_inner()) {
            // Waiting closes the reaper's standard input first, so that it ends the others.
            let _ = process.wait();
        }
    }
}

/// The path of a program, which may be one that usually only root calls.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn configuration(settings: Settings, dir: &Path, controller_port: u16, node_port: u16) -> String {
    let Settings {
        processors,
        max_array_size,
        gpus,
    } = settings;
    let (types, gpus) = match gpus {
        0 => ("", String::new()),
        gpus => ("GresTypes=gpu", format!("Gres=gpu:{gpus}")),
    };
    let dir = dir.display();
    // The controller only runs on the host that its configuration names.
    let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("a host has a name");
    let host = host.trim().split('.').next().unwrap_or_default();
    let user = rustix::process::getuid().as_raw();
    format!(
        "\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={dir}/munge.socket
StateSaveLocation={dir}/state
SlurmdSpoolDir={dir}/spool
SlurmctldPidFile={dir}/slurmctld.pid
SlurmdPidFile={dir}/slurmd.pid
MailProg=/bin/true

# Without privileges, accounting, or anything about the machine's hardware.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SlurmdParameters=config_overrides
{types}
NodeName={NODE} NodeAddr=127.0.0.1 CPUs={processors} RealMemory=1000000 {gpus}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE

# One processor a task; memory does not count.
SelectType=select/cons_tres
SelectTypeParameters=CR_Core

# As quick as it can be: both schedulers look at waiting jobs every second.
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,defer
KillWait=2
TCPTimeout=2
SlurmdTimeout=30

# Ended jobs are listed for five minutes, the default. A failed node stays down.
MinJobAge=300
JobRequeue=0
ReturnToService=1
MaxArraySize={max_array_size}
"
    )
}
