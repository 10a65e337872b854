//! An algorithm whose fits wait at a gate, so that a test decides when and how training ends.

use std::sync::Arc;
use std::time::Duration;

use datafusion_ml::core::algorithm::{FitRequest, Parameters};
use datafusion_ml::core::{
    Algorithm, Encoding, Error, FitContext, Metric, Model, OptionSpec, Result, Task, TrainingData,
};
use parking_lot::{Condvar, Mutex};

/// The linear learner behind a gate. A fit reports 42 per cent and waits.
#[derive(Debug)]
pub(crate) struct Gate {
    inner: Arc<dyn Algorithm>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    verdict: Option<Result<()>>,
    waiting: usize,
    cancelled: usize,
}

impl Gate {
    /// A closed gate.
    pub(crate) fn closed() -> Arc<Self> {
        let inner = datafusion_ml_algorithms::all().into_iter().find(|a| a.name() == "linear_learner").unwrap();
        Arc::new(Self { inner, state: Mutex::default(), changed: Condvar::new() })
    }

    /// Lets fits through, those that wait and those to come.
    pub(crate) fn open(&self) {
        self.decide(Some(Ok(())));
    }

    /// Lets fits fail.
    pub(crate) fn fail(&self, reason: &str) {
        self.decide(Some(Err(Error::data(reason))));
    }

    /// Lets fits to come wait again.
    pub(crate) fn close(&self) {
        self.decide(None);
    }

    /// How many fits wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().waiting
    }

    /// How many fits were cancelled while they waited.
    pub(crate) fn cancelled(&self) -> usize {
        self.state.lock().cancelled
    }

    fn decide(&self, verdict: Option<Result<()>>) {
        self.state.lock().verdict = verdict;
        self.changed.notify_all();
    }

    fn pass(&self, context: &dyn FitContext) -> Result<()> {
        let mut state = self.state.lock();
        state.waiting += 1;
        loop {
            if let Err(cancelled) = context.checkpoint() {
                state.waiting -= 1;
                state.cancelled += 1;
                return Err(cancelled);
            }
            if let Some(verdict) = state.verdict.clone() {
                state.waiting -= 1;
                return verdict;
            }
            self.changed.wait_for(&mut state, Duration::from_millis(10));
        }
    }
}

/// What a session is given; sessions may share a gate.
#[derive(Debug)]
pub(crate) struct Gated(pub(crate) Arc<Gate>);

impl Algorithm for Gated {
    fn name(&self) -> &str {
        self.0.inner.name()
    }

    fn tasks(&self) -> &[Task] {
        self.0.inner.tasks()
    }

    fn options(&self) -> &[OptionSpec] {
        self.0.inner.options()
    }

    fn encoding(&self) -> Encoding {
        self.0.inner.encoding()
    }

    fn metric(&self, request: &FitRequest) -> Result<Metric> {
        self.0.inner.metric(request)
    }

    fn fit(&self, data: &dyn TrainingData, request: &FitRequest, context: &dyn FitContext) -> Result<Arc<dyn Model>> {
        context.progress(0.42, "round 42 of 100", Some(("train:mse", 1.5)));
        self.0.pass(context)?;
        self.0.inner.fit(data, request, context)
    }

    fn load(&self, parameters: Parameters) -> Result<Arc<dyn Model>> {
        self.0.inner.load(parameters)
    }
}
