//! The first pass over the data: the distribution of every feature, which of them exclude each other, and the targets.

use datafusion_ml_core::{Error, FitContext, Result, TrainingData};

use super::bins::FeatureBins;
use super::bundles::{Bundles, Layout, Presence};
use super::objective::Objective;
use super::sketch::{self, Sketch};
use crate::parallel;

/// What the first pass found.
#[derive(Debug)]
pub(super) struct Survey {
    /// The bins of every feature.
    pub(super) features: Vec<FeatureBins>,
    /// The columns of their codes.
    pub(super) layout: Layout,
    /// The target of every row.
    pub(super) labels: Vec<f32>,
}

/// What is known of a feature.
#[derive(Debug, Default)]
struct Feature {
    sketch: Sketch,
    presence: Presence,
    buffer: Vec<f32>,
}

impl Survey {
    /// Reads the data once: sketches every feature and collects the targets.
    pub(super) fn read(
        data: &dyn TrainingData,
        objective: &Objective,
        max_bin: usize,
        context: &dyn FitContext,
    ) -> Result<Self> {
        let num_features = data.feature_names().len();
        let mut features: Vec<Feature> =
            (0..num_features).map(|_| Feature { sketch: Sketch::new(data.num_rows()), ..Feature::default() }).collect();
        let mut bundles = Bundles::default();
        let mut labels = Vec::with_capacity(data.num_rows());
        for block in data.blocks() {
            context.checkpoint()?;
            let block = block?;
            let rows = block.features.num_rows();
            if block.features.num_features() != num_features || block.target.len() != rows {
                return Err(Error::internal(format!(
                    "a block of {rows} rows has {} targets and {} of {num_features} features",
                    block.target.len(),
                    block.features.num_features()
                )));
            }
            for target in &block.target {
                labels.push(objective.label(*target)?);
            }
            let is_first = labels.len() == rows;
            let tasks = features.iter_mut().zip(block.features.columns()).collect();
            parallel::for_each(rows * num_features * 8, tasks, |(Feature { sketch, presence, buffer }, column)| {
                let values = column.f32s(0..rows, buffer);
                sketch.extend(values);
                if is_first {
                    presence.begin(values);
                }
                presence.note(values);
            });
            bundles.update(features.iter_mut().map(|feature| &mut feature.presence).collect());
        }
        let usuals: Vec<_> = features.iter().map(|feature| feature.presence.usual).collect();
        let features = parallel::map(num_features * 10_000, features, |Feature { sketch, .. }| {
            let has_missing = sketch.has_missing();
            // One code is kept for missing values, so that the default of 256 bins fits a byte.
            let max_bins = if has_missing && max_bin == 256 { 255 } else { max_bin };
            FeatureBins { cuts: sketch::cuts(&sketch.finish(), max_bins), has_missing }
        });
        let max_codes = if features.iter().all(|feature| feature.num_codes() <= 1 << 8) { 1 << 8 } else { 1 << 16 };
        let layout = Layout::new(&features, &bundles, &usuals, max_codes);
        Ok(Self { features, layout, labels })
    }

    /// Whether every code fits a byte.
    pub(super) fn fits_u8(&self) -> bool {
        self.features.iter().all(|feature| feature.num_codes() <= 256)
    }
}
