//! Owns Studio beside the prompt: there from the start for whoever sits in front of a terminal, and changed by a command. Never
//! lets anybody change documents who was not allowed to.

use ferrumdb_studio::Options;

use super::command::StudioDo;
use super::session::Session;
use crate::exit::Failure;
use crate::studio;

impl Session<'_> {
    /// Starts it, and says where it is. That it cannot be started is no reason not to prompt.
    pub(super) fn greet_with_studio(&mut self) -> Result<(), Failure> {
        match self.tell_studio(false) {
            Ok(()) => Ok(()),
            Err(failure) if failure.is_quiet() => Err(failure),
            Err(failure) => {
                crate::output::warning(&failure.message);
                Ok(())
            }
        }
    }

    pub(super) fn studio(&mut self, what: StudioDo) -> Result<(), Failure> {
        match what {
            StudioDo::Tell => self.tell_studio(false),
            StudioDo::Show => self.tell_studio(true),
            StudioDo::Writes(writes) => {
                // ORDER: the old one first, so that the new one gets its port.
                self.studio = None;
                self.studio = Some(studio::start(self.db, Options::new().with_writes(writes))?);
                self.tell_studio(false)
            }
            StudioDo::End => {
                self.studio = None;
                self.output().line("OK")?;
                Ok(())
            }
        }
    }

    fn tell_studio(&mut self, show: bool) -> Result<(), Failure> {
        let running = match self.studio.take() {
            Some(running) => running,
            None => studio::start(self.db, Options::new())?,
        };
        let url = running.launch_url();
        let told = studio::told(&running, "", &url);
        self.studio = Some(running);
        self.output().line(&told)?;
        if show { studio::show(&url) } else { Ok(()) }
    }
}
