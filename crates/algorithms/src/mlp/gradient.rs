//! The gradient of a batch, by backpropagation.

use super::inputs::Inputs;
use super::kernels::Dropout;
use super::loss::Loss;
use super::network::{Matrix, Network, multiply, num_weights};
use super::random::bits;

/// The work of one shard of a batch: room for what its rows become in every layer, and for the sum of their gradients.
#[derive(Debug)]
pub(super) struct Shard {
    /// What every layer of weights takes in, row by row: the inputs, then hidden units.
    values: Vec<Vec<f32>>,
    /// How the hidden units' values follow the sums that they were made of.
    slopes: Vec<Vec<f32>>,
    /// Derivatives by the sums of a layer, and by those of the one before.
    deltas: [Vec<f32>; 2],
    target: Vec<f32>,
    /// Laid out as the network's weights.
    pub(super) gradient: Vec<f32>,
    /// The sum of the losses.
    pub(super) loss: f64,
}

/// What is learned from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) inputs: &'a Inputs,
    /// Scaled features, row by row.
    pub(super) features: &'a [f32],
    pub(super) target: &'a [f32],
}

impl Rows<'_> {
    /// The scaled features of a row.
    fn features(&self, row: usize) -> &[f32] {
        let width = self.inputs.num_features();
        &self.features[row * width..(row + 1) * width]
    }

    /// The inputs of some rows, and their targets.
    pub(super) fn gather(&self, rows: &[u32], inputs: &mut [f32], target: &mut Vec<f32>) {
        target.clear();
        target.extend(rows.iter().map(|row| self.target[*row as usize]));
        if self.inputs.len() > 0 {
            for (row, inputs) in rows.iter().zip(inputs.chunks_exact_mut(self.inputs.len())) {
                self.inputs.expand(self.features(*row as usize), inputs);
            }
        }
    }
}

impl Shard {
    /// Room for so many rows.
    pub(super) fn new(network: &Network, rows: usize) -> Self {
        let room = |width: &usize| vec![0.0; rows * width];
        let hidden = &network.widths[1..network.widths.len() - 1];
        let widest = network.widths[1..].iter().copied().max().unwrap_or_default();
        Self {
            values: network.widths[..network.widths.len() - 1].iter().map(room).collect(),
            slopes: hidden.iter().map(room).collect(),
            deltas: [room(&widest), room(&widest)],
            target: Vec::with_capacity(rows),
            gradient: vec![0.0; network.len()],
            loss: 0.0,
        }
    }

    /// The bytes that a shard takes.
    pub(super) fn memory(widths: &[usize], rows: usize) -> usize {
        4 * (num_weights(widths) + rows * (3 * widths.iter().sum::<usize>() + 1))
    }

    /// The gradient of the sum of the losses of some rows, times `factor`. `key` tells apart the draws of dropout.
    pub(super) fn differentiate(
        &mut self,
        network: &Network,
        loss: Loss,
        (data, rows): (Rows<'_>, &[u32]),
        factor: f32,
        (dropout, key): (f64, u64),
    ) {
        let count = rows.len();
        data.gather(rows, &mut self.values[0], &mut self.target);
        for (index, layer) in network.layers().into_iter().enumerate() {
            let (before, after) = self.values.split_at_mut(index + 1);
            match after.first_mut() {
                Some(units) => {
                    layer.sums(&network.weights, &before[index], count, units);
                    let dropout = Dropout::new(dropout, bits(key, index as u64) as u32);
                    let length = count * layer.outputs;
                    let slopes = &mut self.slopes[index][..length];
                    network.activation.apply_with_slopes(&mut units[..length], slopes, dropout);
                }
                None => layer.sums(&network.weights, &before[index], count, &mut self.deltas[0]),
            }
        }
        let margins = &mut self.deltas[0][..count * network.outputs()];
        self.loss = loss.differentiate(margins, &self.target, factor);
        for (index, layer) in network.layers().into_iter().enumerate().rev() {
            let [delta, before] = &mut self.deltas;
            let delta = &delta[..count * layer.outputs];
            let (weights, biases) = layer.split_mut(&mut self.gradient);
            let units = Matrix::new(&self.values[index], layer.inputs).transposed();
            multiply([layer.inputs, count, layer.outputs], units, Matrix::new(delta, layer.outputs), 0.0, weights);
            biases.fill(0.0);
            for delta in delta.chunks_exact(layer.outputs) {
                biases.iter_mut().zip(delta).for_each(|(sum, delta)| *sum += delta);
            }
            if index > 0 {
                let weights = Matrix::new(layer.split(&network.weights).0, layer.outputs).transposed();
                let before = &mut before[..count * layer.inputs];
                let shape = [count, layer.outputs, layer.inputs];
                multiply(shape, Matrix::new(delta, layer.outputs), weights, 0.0, before);
                before.iter_mut().zip(&self.slopes[index - 1]).for_each(|(delta, slope)| *delta *= slope);
                self.deltas.swap(0, 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::kernels::Activation;
    use crate::mlp::random::uniform;

    /// Central differences of the summed loss, of every weight of small networks.
    #[test]
    fn gradients_are_the_differences_of_the_loss() {
        let mut sample = vec![(0..40).map(|row| 4.0 * uniform(1, row) - 2.0).collect::<Vec<_>>(); 2];
        sample[1].iter_mut().enumerate().for_each(|(row, value)| *value = uniform(2, row as u64));
        let columns = sample.clone();
        let inputs = Inputs::learn(&mut sample, 4);
        let features: Vec<f32> = (0..40).flat_map(|row| [columns[0][row] as f32, columns[1][row] as f32]).collect();
        let rows: Vec<u32> = (3..30).collect();
        for loss in [Loss::Squared, Loss::Logistic, Loss::Softmax(3)] {
            let classes = if loss == Loss::Logistic { 2 } else { 3 };
            let target: Vec<f32> = (0..40).map(|row| (row % classes) as f32).collect();
            for hidden in [&[][..], &[5], &[6, 4]] {
                let prior = vec![0.3; loss.outputs()];
                let widths = [&[inputs.len()], hidden, &[loss.outputs()]].concat();
                let mut network = Network::new(widths, &prior, Activation::Silu, 5);
                // The last layer starts at 0, and would hide the others.
                let numbers = network.weights.iter_mut().enumerate();
                numbers.for_each(|(index, weight)| *weight += (uniform(9, index as u64) - 0.5) as f32);
                let data = Rows { inputs: &inputs, features: &features, target: &target };
                let mut shard = Shard::new(&network, rows.len());
                shard.differentiate(&network, loss, (data, &rows), 0.5, (0.0, 0));
                let analytic = shard.gradient.clone();
                for (index, analytic) in analytic.iter().enumerate() {
                    let mut at = |offset: f32| {
                        let mut moved = network.clone();
                        moved.weights[index] += offset;
                        shard.differentiate(&moved, loss, (data, &rows), 0.5, (0.0, 0));
                        0.5 * shard.loss
                    };
                    let numeric = (at(1e-2) - at(-1e-2)) / 2e-2;
                    let off = (numeric - f64::from(*analytic)).abs();
                    assert!(
                        off < 2e-3 * (1.0 + numeric.abs()),
                        "{loss:?} {hidden:?} {index}: {analytic}, not {numeric}"
                    );
                }
            }
        }
    }

    /// With dropout the loss of a draw is still what the gradient is of.
    #[test]
    fn dropout_draws_the_same_units_for_values_and_gradients() {
        let inputs = Inputs::learn(&mut [(0..50).map(f64::from).collect()], 3);
        let (features, target) = (vec![-1.0, 0.5, 1.5], vec![0.0, 1.0, 0.5]);
        let data = Rows { inputs: &inputs, features: &features, target: &target };
        let mut network = Network::new(vec![inputs.len(), 12, 9, 1], &[0.1], Activation::Silu, 5);
        network.weights.iter_mut().enumerate().for_each(|(i, w)| *w += (uniform(9, i as u64) - 0.5) as f32);
        let mut shard = Shard::new(&network, 3);
        let mut loss_at = |network: &Network| {
            shard.differentiate(network, Loss::Squared, (data, &[0, 1, 2]), 1.0, (0.4, 17));
            (shard.loss, shard.gradient.clone())
        };
        let (_, gradient) = loss_at(&network);
        for (index, analytic) in gradient.iter().enumerate() {
            let [mut up, mut down] = [network.clone(), network.clone()];
            up.weights[index] += 1e-2;
            down.weights[index] -= 1e-2;
            let numeric = (loss_at(&up).0 - loss_at(&down).0) / 2e-2;
            assert!(
                (numeric - f64::from(*analytic)).abs() < 1e-2 * (1.0 + numeric.abs()),
                "{index}: {analytic}, not {numeric}"
            );
        }
    }
}
