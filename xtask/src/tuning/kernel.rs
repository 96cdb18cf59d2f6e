//! Settings of the kernel that an experiment changes and gives back.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// A setting, by its file, and the value that it is to have.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) file: PathBuf,
    pub(crate) value: String,
}

/// Settings that differ for as long as this is there: dropping it gives back what was before, also
/// where an error or an interrupt ends the experiment.
pub(crate) struct Altered {
    before: Vec<Setting>,
}

impl Altered {
    /// Makes the settings.
    ///
    /// # Errors
    ///
    /// The kernel has no such setting, lets nobody change it, or has that value already; then all
    /// is as it was.
    pub(crate) fn apply(settings: &[Setting]) -> Result<Self> {
        let mut altered = Altered { before: Vec::new() };
        for Setting { file, value } in settings {
            let shown = file.display();
            let before =
                fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
            let before = before.trim().to_owned();
            ensure!(before != *value, "{shown} is {value} already");
            fs::write(file, value)
                .with_context(|| format!("cannot write {value} to {shown}, which is {before}"))?;
            altered.before.push(Setting {
                file: file.clone(),
                value: before,
            });
        }
        Ok(altered)
    }
}

impl Drop for Altered {
    fn drop(&mut self) {
        for Setting { file, value } in self.before.iter().rev() {
            if let Err(error) = fs::write(file, value) {
                let shown = file.display();
                eprintln!("xtask: {shown} stays changed, {value} would be right: {error}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::panic::catch_unwind;
    use std::path::Path;
    use std::process;

    use super::*;

    /// A folder with two files that stand for settings.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = env::temp_dir().join(format!("annulus-{name}-{}", process::id()));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("one"), "1\n").unwrap();
            fs::write(folder.join("two"), "2\n").unwrap();
            Folder(folder)
        }

        fn setting(&self, name: &str, value: &str) -> Setting {
            Setting {
                file: self.0.join(name),
                value: value.to_owned(),
            }
        }

        fn values(&self) -> [String; 2] {
            ["one", "two"].map(|name| read(&self.0.join(name)))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn read(file: &Path) -> String {
        fs::read_to_string(file).unwrap().trim().to_owned()
    }

    #[test]
    fn settings_come_back_when_the_experiment_ends_or_panics() {
        let folder = Folder::new("settings");
        let settings = [folder.setting("one", "50"), folder.setting("two", "60")];
        let altered = Altered::apply(&settings).unwrap();
        assert_eq!(folder.values(), ["50", "60"]);
        drop(altered);
        assert_eq!(folder.values(), ["1", "2"]);
        let panicked = catch_unwind(|| {
            let _altered = Altered::apply(&settings).unwrap();
            panic!("expected: this test is about panicking");
        });
        assert!(panicked.is_err());
        assert_eq!(folder.values(), ["1", "2"]);
    }

    #[test]
    fn a_setting_that_cannot_be_made_undoes_those_before_it() {
        let folder = Folder::new("refused");
        let one = folder.setting("one", "50");
        let missing = folder.setting("three", "60");
        let error = Altered::apply(&[one.clone(), missing]).err().unwrap();
        assert!(format!("{error:#}").contains("three"), "{error:#}");
        assert_eq!(folder.values(), ["1", "2"]);
        let unchanged = folder.setting("two", "2");
        let error = Altered::apply(&[one, unchanged]).err().unwrap();
        assert!(error.to_string().ends_with("two is 2 already"), "{error}");
        assert_eq!(folder.values(), ["1", "2"]);
    }
}
