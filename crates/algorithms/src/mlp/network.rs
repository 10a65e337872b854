//! A fully connected network: its weights, and what they make of inputs.

use super::kernels::Activation;
use super::random::uniform;

/// Layers of weights.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Network {
    /// The number of inputs, of the units of every hidden layer, and of outputs.
    pub(super) widths: Vec<usize>,
    pub(super) activation: Activation,
    /// Per layer the weights, `[input * outputs + output]`, then the biases of its outputs.
    pub(super) weights: Vec<f32>,
}

/// Where the numbers of a layer lie in [`Network::weights`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) start: usize,
}

impl Layer {
    /// The weights and the biases, of numbers laid out as [`Network::weights`].
    pub(super) fn split(self, numbers: &[f32]) -> (&[f32], &[f32]) {
        numbers[self.start..][..(self.inputs + 1) * self.outputs].split_at(self.inputs * self.outputs)
    }

    /// The same, to be changed.
    pub(super) fn split_mut(self, numbers: &mut [f32]) -> (&mut [f32], &mut [f32]) {
        numbers[self.start..][..(self.inputs + 1) * self.outputs].split_at_mut(self.inputs * self.outputs)
    }

    /// The weighted sums of the inputs of some rows.
    pub(super) fn sums(self, weights: &[f32], inputs: &[f32], rows: usize, sums: &mut [f32]) {
        let (weights, biases) = self.split(weights);
        let sums = &mut sums[..rows * self.outputs];
        sums.chunks_exact_mut(self.outputs).for_each(|sums| sums.copy_from_slice(biases));
        let (inputs, weights) = (Matrix::new(inputs, self.inputs), Matrix::new(weights, self.outputs));
        multiply([rows, self.inputs, self.outputs], inputs, weights, 1.0, sums);
    }
}

impl Network {
    /// A network with weights such that every layer keeps the scale of its inputs (He et al., "Delving deep into
    /// rectifiers", 2015), and a last layer that gives `biases` whatever the inputs.
    pub(super) fn new(widths: Vec<usize>, biases: &[f32], activation: Activation, seed: u64) -> Self {
        let mut network = Self { widths, activation, weights: Vec::new() };
        for layer in network.layers() {
            let bound = (6.0 / layer.inputs.max(1) as f64).sqrt();
            let draw = |index| ((2.0 * uniform(seed, index as u64) - 1.0) * bound) as f32;
            let is_last = network.weights.len() + (layer.inputs + 1) * layer.outputs == network.len();
            if is_last {
                network.weights.extend(std::iter::repeat_n(0.0, layer.inputs * layer.outputs));
                network.weights.extend_from_slice(biases);
            } else {
                network.weights.extend((0..layer.inputs * layer.outputs).map(|index| draw(layer.start + index)));
                network.weights.extend(std::iter::repeat_n(0.0, layer.outputs));
            }
        }
        network
    }

    /// The layers of weights, from the inputs on.
    pub(super) fn layers(&self) -> Vec<Layer> {
        let mut start = 0;
        let layers = self.widths.windows(2).map(|widths| {
            let layer = Layer { inputs: widths[0], outputs: widths[1], start };
            start += (layer.inputs + 1) * layer.outputs;
            layer
        });
        layers.collect()
    }

    /// How many numbers [`Self::weights`] has to have.
    pub(super) fn len(&self) -> usize {
        num_weights(&self.widths)
    }

    /// The number of outputs.
    pub(super) fn outputs(&self) -> usize {
        self.widths.last().copied().unwrap_or_default()
    }

    /// The outputs of some rows.
    pub(super) fn outputs_of(&self, inputs: &[f32], rows: usize) -> Vec<f32> {
        let Some(first) = self.layers().first().copied() else { return Vec::new() };
        let mut sums = vec![0.0; rows * first.outputs];
        first.sums(&self.weights, inputs, rows, &mut sums);
        self.outputs_of_sums(sums, rows)
    }

    /// The outputs of rows whose sums of the first layer are known.
    pub(super) fn outputs_of_sums(&self, mut values: Vec<f32>, rows: usize) -> Vec<f32> {
        for layer in self.layers().into_iter().skip(1) {
            self.activation.apply(&mut values);
            let mut sums = vec![0.0; rows * layer.outputs];
            layer.sums(&self.weights, &values, rows, &mut sums);
            values = sums;
        }
        values
    }
}

/// The number of weights and biases between layers of so many units.
pub(super) fn num_weights(widths: &[usize]) -> usize {
    widths.windows(2).map(|widths| (widths[0] + 1) * widths[1]).sum()
}

/// A matrix that lies row by row, or one that is its transpose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    width: usize,
    is_transposed: bool,
}

impl<'a> Matrix<'a> {
    /// Rows of so many values.
    pub(super) fn new(values: &'a [f32], width: usize) -> Self {
        Self { values, width, is_transposed: false }
    }

    /// Its transpose.
    pub(super) fn transposed(self) -> Self {
        Self { is_transposed: !self.is_transposed, ..self }
    }

    /// From one row to the next, and from one column to the next; checks that there are so many.
    fn strides(self, rows: usize, columns: usize) -> (isize, isize) {
        let (lines, length) = if self.is_transposed { (columns, rows) } else { (rows, columns) };
        assert!(length <= self.width && lines * self.width <= self.values.len(), "a matrix is too small");
        if self.is_transposed { (1, self.width as isize) } else { (self.width as isize, 1) }
    }
}

/// `c = a b + beta c` of an m × k and a k × n matrix.
pub(super) fn multiply([m, k, n]: [usize; 3], a: Matrix<'_>, b: Matrix<'_>, beta: f32, c: &mut [f32]) {
    let ((a_row, a_column), (b_row, b_column)) = (a.strides(m, k), b.strides(k, n));
    assert!(m * n <= c.len(), "a matrix is too small");
    let (a, b) = (a.values.as_ptr(), b.values.as_ptr());
    // SAFETY: the strides stay inside the slices, just checked, and `c` is borrowed alone.
    unsafe {
        matrixmultiply::sgemm(
            m,
            k,
            n,
            1.0,
            a,
            a_row,
            a_column,
            b,
            b_row,
            b_column,
            beta,
            c.as_mut_ptr(),
            n as isize,
            1,
        );
    }
}
