//! What `compose.yaml` says, as far as it can be run without Docker.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::yaml;

/// A compose file.
pub(super) struct ComposeFile {
    pub(super) services: BTreeMap<String, Service>,
}

/// One service.
pub(super) struct Service {
    pub(super) image: String,
    /// In place of that of the image.
    pub(super) entrypoint: Option<Vec<String>>,
    pub(super) command: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) depends_on: BTreeMap<String, Condition>,
    pub(super) health: Option<HealthCheck>,
    pub(super) ports: Vec<Port>,
    pub(super) mounts: Vec<Mount>,
    /// How long it may take to end.
    pub(super) stop_limit: Duration,
    /// Everything that the file says about it.
    pub(super) all: Value,
}

/// What has to be of another service first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Healthy,
    Completed,
}

/// How it is found out whether a service works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HealthCheck {
    pub(super) test: Vec<String>,
    /// How long it may take until it works.
    pub(super) limit: Duration,
}

/// A port of the container, and where it is on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) address: String,
    pub(super) published: u16,
    pub(super) target: u16,
}

/// A file or a volume in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// A path from the folder of the file when it begins with a dot, else the name of a volume.
    pub(super) source: String,
    pub(super) target: String,
    pub(super) read_only: bool,
}

impl ComposeFile {
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("read {}: {error}", path.display()))?;
        Self::parse(&text).map_err(|reason| format!("{}: {reason}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let all = yaml::parse(text)?;
        let services = all["services"].as_object().ok_or("no services")?;
        let parsed = services.iter().map(|(name, value)| {
            let service = Service::parse(value).map_err(|reason| format!("{name}: {reason}"))?;
            Ok((name.clone(), service))
        });
        Ok(Self { services: parsed.collect::<Result<_, String>>()? })
    }

    /// The names of the services in an order in which each comes after those that it depends on.
    pub(super) fn order(&self) -> Result<Vec<&str>, String> {
        let mut order: Vec<&str> = Vec::new();
        let mut left: BTreeSet<&str> = self.services.keys().map(String::as_str).collect();
        while !left.is_empty() {
            let is_next = |name: &&str| self.services[*name].depends_on.keys().all(|on| order.contains(&on.as_str()));
            let next: Vec<&str> = left.iter().copied().filter(is_next).collect();
            if next.is_empty() {
                return Err(format!("depend on each other, or on none that is there: {left:?}"));
            }
            left.retain(|name| !next.contains(name));
            order.extend(next);
        }
        Ok(order)
    }

    /// Where a port of a service is on the machine.
    pub(super) fn published(&self, service: &str, target: u16) -> Option<u16> {
        self.services.get(service)?.ports.iter().find(|port| port.target == target).map(|port| port.published)
    }
}

impl Service {
    fn parse(all: &Value) -> Result<Self, String> {
        let list = |value: &Value| -> Result<Vec<String>, String> {
            let items = value.as_array().ok_or_else(|| format!("no list: {value}"))?;
            items.iter().map(scalar).collect()
        };
        let optional = |name: &str| match &all[name] {
            Value::Null => Ok(None),
            value => list(value).map(Some),
        };
        let fields = |name: &str| all[name].as_object().into_iter().flatten();
        let environment = fields("environment").map(|(name, value)| Ok((name.clone(), scalar(value)?)));
        let depends_on = fields("depends_on").map(|(name, value)| Ok((name.clone(), Condition::parse(value)?)));
        Ok(Self {
            image: all["image"].as_str().ok_or("no image")?.to_owned(),
            entrypoint: optional("entrypoint")?,
            command: optional("command")?.unwrap_or_default(),
            environment: environment.collect::<Result<_, String>>()?,
            depends_on: depends_on.collect::<Result<_, String>>()?,
            health: HealthCheck::parse(&all["healthcheck"], list)?,
            ports: optional("ports")?.iter().flatten().map(|text| Port::parse(text)).collect::<Result<_, _>>()?,
            mounts: optional("volumes")?.iter().flatten().map(|text| Mount::parse(text)).collect::<Result<_, _>>()?,
            stop_limit: duration(&all["stop_grace_period"])?.unwrap_or(Duration::from_secs(10)),
            all: all.clone(),
        })
    }

    /// Whether it works until somebody ends it, and not to its own end.
    pub(super) fn is_lasting(&self) -> bool {
        self.all["restart"] == "unless-stopped"
    }
}

impl Condition {
    fn parse(value: &Value) -> Result<Self, String> {
        match value["condition"].as_str() {
            Some("service_healthy") => Ok(Self::Healthy),
            Some("service_completed_successfully") => Ok(Self::Completed),
            _ => Err(format!("an unknown condition: {value}")),
        }
    }
}

impl HealthCheck {
    fn parse(value: &Value, list: impl Fn(&Value) -> Result<Vec<String>, String>) -> Result<Option<Self>, String> {
        if value.is_null() || value["disable"] == true {
            return Ok(None);
        }
        let test = list(&value["test"])?;
        let Some(("CMD", test)) = test.split_first().map(|(kind, test)| (kind.as_str(), test)) else {
            return Err(format!("the test is not a command of its own: {test:?}"));
        };
        let time = |name: &str| duration(&value[name])?.ok_or_else(|| format!("the health check has no {name}"));
        let retries = value["retries"].as_u64().ok_or("the health check has no retries")?;
        let retries = u32::try_from(retries).map_err(|error| error.to_string())?;
        Ok(Some(Self { test: test.to_vec(), limit: time("start_period")? + time("interval")? * retries }))
    }
}

impl Port {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("not ADDRESS:PORT:PORT: {text}");
        let mut parts = text.rsplitn(3, ':');
        let mut port = || parts.next().and_then(|port| port.parse().ok()).ok_or_else(wrong);
        let (target, published) = (port()?, port()?);
        Ok(Self { address: parts.next().ok_or_else(wrong)?.to_owned(), published, target })
    }
}

impl Mount {
    /// Whether it is a file of the repository, and not a volume.
    pub(super) fn is_file(&self) -> bool {
        self.source.starts_with('.')
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (source, target) = text.split_once(':').ok_or_else(|| format!("not SOURCE:TARGET: {text}"))?;
        let (target, read_only) = target.strip_suffix(":ro").map_or((target, false), |target| (target, true));
        Ok(Self { source: source.to_owned(), target: target.to_owned(), read_only })
    }
}

fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(format!("no text: {other}")),
    }
}

/// `30s`, `1m`.
fn duration(value: &Value) -> Result<Option<Duration>, String> {
    let Some(text) = value.as_str() else { return Ok(None) };
    let unit = |suffix: &str, seconds: u64| text.strip_suffix(suffix)?.parse::<u64>().ok().map(|count| count * seconds);
    let seconds = unit("s", 1).or_else(|| unit("m", 60)).ok_or_else(|| format!("no duration: {text}"))?;
    Ok(Some(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
services:
  b:
    image: b:1
    command: [run, -c, file]
    environment: { N: 3, T: text }
    depends_on: { a: { condition: service_healthy } }
    ports: ['${A:-0.0.0.0}:${P:-80}:8080']
    restart: unless-stopped
  a:
    image: a:1
    volumes: ['./x:/y:ro', 'v:/w']
    healthcheck: { test: [CMD, ok], interval: 2s, retries: 3, start_period: 1m }
";

    #[test]
    fn services_are_read_and_ordered() {
        let file = ComposeFile::parse(TEXT).expect("a file");
        assert_eq!(file.order(), Ok(vec!["a", "b"]));
        assert_eq!(file.published("b", 8080), Some(80));
        let (a, b) = (&file.services["a"], &file.services["b"]);
        assert_eq!(a.health.as_ref().map(|health| health.limit), Some(Duration::from_secs(66)));
        assert_eq!((a.mounts[0].read_only, a.mounts[1].read_only), (true, false));
        assert_eq!((b.environment["N"].as_str(), b.depends_on["a"]), ("3", Condition::Healthy));
        assert!(b.is_lasting() && !a.is_lasting());
    }

    #[test]
    fn mistakes_are_told() {
        let told = |from: &str, to: &str| ComposeFile::parse(&TEXT.replace(from, to)).err().unwrap_or_default();
        assert!(told("service_healthy", "service_started").contains("unknown condition"));
        assert!(told("[CMD, ok]", "[CMD-SHELL, ok]").contains("command of its own"));
        assert!(told(":8080", "").contains("ADDRESS:PORT:PORT"));
        assert!(told("image: b:1", "init: true").contains("no image"));
        let circle = ComposeFile::parse(&TEXT.replace("{ a: {", "{ b: {")).expect("a file");
        assert!(circle.order().is_err());
    }
}
