//! The nearest centroid of every row, and what a step of Lloyd's algorithm sums up over the rows of each.

use datafusion_ml_core::{Features, FitContext, Result, TrainingBlock, TrainingData};

use crate::passes::{Products, Tile, add_products, axpy, over_blocks, sum};
use crate::simd::{Kernel, dispatch, fma};

/// With more clusters than this, rows are added to the sums one by one: that costs the same for any number of clusters.
const MAX_PRODUCTS: usize = 32;

/// What one pass over rows finds.
pub(super) struct Step {
    /// Per feature and cluster, the sum over the cluster's rows.
    sums: Vec<f64>,
    /// The rows of each cluster.
    counts: Vec<f64>,
    /// The sum of the squared distances of rows to their centroids.
    pub(super) distance: f64,
}

impl Step {
    /// One pass over the rows. `centroids[cluster * features + feature]`.
    pub(super) fn of(data: &dyn TrainingData, centroids: &[f64], context: &dyn FitContext) -> Result<Self> {
        let features = data.feature_names().len();
        let clusters = centroids.len() / features;
        let new = || Self { sums: vec![0.0; centroids.len()], counts: vec![0.0; clusters], distance: 0.0 };
        let mut all = new();
        let steps = 1 + features * clusters / 8;
        let of_block = |_, block: &TrainingBlock| {
            let mut step = new();
            step.add(&block.features, centroids);
            step
        };
        over_blocks(data, context, steps, of_block, |block| {
            axpy(1.0, &block.sums, &mut all.sums);
            axpy(1.0, &block.counts, &mut all.counts);
            all.distance += block.distance;
        })?;
        Ok(all)
    }

    /// Moves every centroid that has rows to their mean. Gives the clusters that have none.
    pub(super) fn move_to_means(&self, centroids: &mut [f64]) -> Vec<usize> {
        let clusters = self.counts.len();
        for (cluster, centroid) in centroids.chunks_exact_mut(centroids.len() / clusters).enumerate() {
            if self.counts[cluster] > 0.0 {
                for (coordinate, sums) in centroid.iter_mut().zip(self.sums.chunks_exact(clusters)) {
                    *coordinate = sums[cluster] / self.counts[cluster];
                }
            }
        }
        (0..clusters).filter(|cluster| self.counts[*cluster] == 0.0).collect()
    }

    fn add(&mut self, features: &Features, centroids: &[f64]) {
        let clusters = self.counts.len();
        let height = Tile::height(features.num_rows(), features.num_features());
        let mut members = Tile::new(height, if clusters <= MAX_PRODUCTS { clusters } else { 0 });
        for_each_tile(features, centroids, |x, nearest| {
            self.distance += sum(&nearest.column(DISTANCE)[..x.rows()]);
            let of_rows = &nearest.column(CLUSTER)[..x.rows()];
            if clusters <= MAX_PRODUCTS {
                members.set_rows(x.rows());
                for (cluster, count) in self.counts.iter_mut().enumerate() {
                    let members = &mut members.column_mut(cluster)[..x.rows()];
                    *count += dispatch(Members { cluster: cluster as f64, clusters: of_rows, members });
                }
                add_products(x, &members, Products::All, &mut self.sums);
            } else {
                of_rows.iter().for_each(|cluster| self.counts[*cluster as usize] += 1.0);
                for (feature, sums) in self.sums.chunks_exact_mut(clusters).enumerate() {
                    for (value, cluster) in x.column(feature).iter().zip(of_rows) {
                        sums[*cluster as usize] += value;
                    }
                }
            }
        });
    }
}

/// Writes 1 where a row belongs to a cluster, and 0 elsewhere. Gives the number of its rows.
struct Members<'a> {
    cluster: f64,
    clusters: &'a [f64],
    members: &'a mut [f64],
}

impl Kernel for Members<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) -> f64 {
        let mut count = 0;
        for (member, cluster) in self.members.iter_mut().zip(self.clusters) {
            *member = if *cluster == self.cluster { 1.0 } else { 0.0 };
            count += u64::from(*cluster == self.cluster);
        }
        count as f64
    }
}

/// The nearest centroid of every row, the first of those equally near, and the squared distance to it.
pub(super) fn nearest(features: &Features, centroids: &[f64]) -> (Vec<u32>, Vec<f64>) {
    let (mut clusters, mut distances) = (Vec::new(), Vec::new());
    for_each_tile(features, centroids, |x, nearest| {
        clusters.extend(nearest.column(CLUSTER)[..x.rows()].iter().map(|cluster| *cluster as u32));
        distances.extend_from_slice(&nearest.column(DISTANCE)[..x.rows()]);
    });
    (clusters, distances)
}

/// The columns of the tile that tells the nearest centroid of each row: the number of the cluster,
const CLUSTER: usize = 0;
/// and the squared distance.
const DISTANCE: usize = 1;

/// Calls `visit` with some rows at a time, and with their nearest centroids.
fn for_each_tile(features: &Features, centroids: &[f64], mut visit: impl FnMut(&Tile, &Tile)) {
    let (rows, width) = (features.num_rows(), features.num_features());
    let height = Tile::height(rows, width);
    let [mut x, mut nearest] = [width, 2].map(|columns| Tile::new(height, columns));
    for range in Tile::ranges(rows, width) {
        nearest.set_rows(range.len());
        x.load(features, range, std::iter::repeat_n((0.0, 1.0), width));
        dispatch(Assign { x: &x, centroids, nearest: &mut nearest });
        visit(&x, &nearest);
    }
}

/// Finds the nearest centroids.
struct Assign<'a> {
    x: &'a Tile,
    centroids: &'a [f64],
    nearest: &'a mut Tile,
}

impl Kernel for Assign<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const LANES: usize>(self) {
        let width = self.x.columns();
        let clusters = self.centroids.len() / width;
        for start in (0..self.x.padded()).step_by(LANES) {
            let mut best = Best::<LANES> { clusters: [0.0; LANES], distances: [f64::INFINITY; LANES] };
            if clusters < BLOCK {
                (0..clusters).for_each(|first| best.compare::<FUSED, 1>(self.x, start, self.centroids, first));
            } else {
                // The last block may overlap the one before: a second comparison changes nothing.
                let firsts = (0..clusters).step_by(BLOCK).map(|first| first.min(clusters - BLOCK));
                firsts.for_each(|first| best.compare::<FUSED, BLOCK>(self.x, start, self.centroids, first));
            }
            self.nearest.column_mut(CLUSTER)[start..start + LANES].copy_from_slice(&best.clusters);
            self.nearest.column_mut(DISTANCE)[start..start + LANES].copy_from_slice(&best.distances);
        }
    }
}

/// How many centroids are compared at a time, their distances in vector registers.
const BLOCK: usize = 5;

/// The nearest of the centroids compared so far to a vector of rows.
struct Best<const LANES: usize> {
    clusters: [f64; LANES],
    distances: [f64; LANES],
}

impl<const LANES: usize> Best<LANES> {
    /// Compares `COUNT` centroids from the `first`.
    #[expect(clippy::needless_range_loop, reason = "the index is that of several arrays")]
    #[inline(always)]
    fn compare<const FUSED: bool, const COUNT: usize>(
        &mut self,
        x: &Tile,
        start: usize,
        centroids: &[f64],
        first: usize,
    ) {
        let width = x.columns();
        let centroids: [&[f64]; COUNT] = std::array::from_fn(|index| &centroids[(first + index) * width..][..width]);
        let mut distances = [[0.0; LANES]; COUNT];
        for feature in 0..width {
            let x: &[f64; LANES] = x.vector(feature, start);
            for index in 0..COUNT {
                for lane in 0..LANES {
                    let difference = x[lane] - centroids[index][feature];
                    distances[index][lane] = fma::<FUSED>(difference, difference, distances[index][lane]);
                }
            }
        }
        for (index, distances) in distances.iter().enumerate() {
            for (lane, distance) in distances.iter().enumerate() {
                let is_nearer = *distance < self.distances[lane];
                self.distances[lane] = if is_nearer { *distance } else { self.distances[lane] };
                self.clusters[lane] = if is_nearer { (first + index) as f64 } else { self.clusters[lane] };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion_ml_core::InMemoryData;
    use datafusion_ml_core::conformance::LocalContext;

    /// Numbers in [0, 1), by the golden ratio.
    fn columns(rows: usize, width: usize) -> Vec<Vec<f64>> {
        let number = |index: usize| (index as f64 * 0.618_033_988_749_894_9).fract();
        (0..width).map(|column| (0..rows).map(|row| number(row * (column + 1) + column)).collect()).collect()
    }

    /// For each row the first of the nearest centroids and the squared distance, one by one.
    fn one_by_one(columns: &[Vec<f64>], centroids: &[f64]) -> (Vec<u32>, Vec<f64>) {
        let nearest = (0..columns[0].len()).map(|row| {
            let mut best = (0, f64::INFINITY);
            for (cluster, centroid) in centroids.chunks_exact(columns.len()).enumerate() {
                let distance = columns.iter().zip(centroid).map(|(column, c)| (column[row] - c).powi(2)).sum();
                best = if distance < best.1 { (cluster as u32, distance) } else { best };
            }
            best
        });
        nearest.unzip()
    }

    #[test]
    fn rows_belong_to_the_first_of_the_nearest_centroids() {
        for (rows, width, clusters) in [(1, 1, 1), (7, 3, 2), (600, 20, 10), (1500, 5, 13), (100, 2, 40)] {
            let columns = columns(rows, width);
            // The last centroid is the first again.
            let row = |cluster: usize| columns.iter().map(move |column| column[cluster * 7 % rows]);
            let centroids: Vec<f64> = (0..clusters).flat_map(|cluster| row(cluster % (clusters - 1).max(1))).collect();
            let (ours, distances) = nearest(&Features::from_f64(columns.clone()).unwrap(), &centroids);
            let (theirs, expected) = one_by_one(&columns, &centroids);
            assert_eq!(ours, theirs, "{rows} rows, {width} features, {clusters} clusters");
            assert!(distances.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-14));
        }
    }

    #[test]
    fn steps_move_centroids_to_the_means_of_their_rows() {
        for clusters in [3, 10, 40] {
            let columns = columns(700, 4);
            let block = TrainingBlock::try_new(Features::from_f64(columns.clone()).unwrap(), Vec::new()).unwrap();
            let data = InMemoryData::new((0..4).map(|feature| feature.to_string()).collect(), vec![block]);
            let mut centroids: Vec<f64> =
                (0..clusters - 1).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
            centroids.extend([100.0; 4]);
            let (of_rows, distances) = one_by_one(&columns, &centroids);
            let step = Step::of(&data, &centroids, &LocalContext::new(1, 1)).unwrap();
            assert!((step.distance - distances.iter().sum::<f64>()).abs() < 1e-12);
            assert_eq!(step.move_to_means(&mut centroids), [clusters - 1]);
            assert_eq!(centroids[4 * (clusters - 1)..], [100.0; 4]);
            for cluster in 0..clusters - 1 {
                let rows: Vec<usize> = (0..700).filter(|row| of_rows[*row] == cluster as u32).collect();
                for (feature, column) in columns.iter().enumerate() {
                    let mean = rows.iter().map(|row| column[*row]).sum::<f64>() / rows.len() as f64;
                    assert!((centroids[cluster * 4 + feature] - mean).abs() < 1e-14, "cluster {cluster}");
                }
            }
        }
    }
}
