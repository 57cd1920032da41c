use super::{SampleError, SamplerWorkspace, candidates::Weight, nucleus, row};
use crate::SamplingParameters;

/// Which part of the distribution a token is drawn from, in vLLM's order: temperature, `min_p`, `top_k`, `top_p`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Distribution {
    temperature: f32,
    top_k: usize,
    top_p: f64,
    min_p: f32,
}

impl Distribution {
    /// `None` if the likeliest token is taken.
    pub(super) fn of(parameters: &SamplingParameters) -> Option<Self> {
        (!parameters.is_greedy()).then(|| Self {
            temperature: parameters.temperature,
            top_k: parameters.top_k as usize,
            top_p: f64::from(parameters.top_p),
            min_p: parameters.min_p,
        })
    }

    /// The token that belongs to `unit`, a number from 0 to below 1, when probabilities are laid side by side.
    pub(super) fn draw(
        &self,
        logits: &[f32],
        unit: f64,
        workspace: &mut SamplerWorkspace,
    ) -> Result<u32, SampleError> {
        let highest = row::scan(logits, &mut workspace.peaks)?;
        let weight = Weight { highest, scale: self.temperature.recip() };
        let token = if self.top_k > 0 && self.top_k < logits.len() {
            self.draw_of_top(logits, unit, weight, workspace)
        } else if self.top_p < 1.0 {
            self.draw_of_nucleus(logits, unit, weight, workspace)
        } else {
            let weights = &mut workspace.weights;
            let mass = row::weigh(logits, self.logit_min(highest), weight, weights);
            row::at_mass(weights, 0.0, unit * mass)
        };
        token.ok_or(SampleError::NothingAllowed)
    }

    /// The logit whose probability is `min_p` of the highest one's.
    fn logit_min(&self, highest: f32) -> f32 {
        if self.min_p > 0.0 { highest + self.min_p.ln() * self.temperature } else { f32::MIN }
    }

    fn draw_of_top(
        &self,
        logits: &[f32],
        unit: f64,
        weight: Weight,
        workspace: &mut SamplerWorkspace,
    ) -> Option<u32> {
        let (peaks, candidates) = (&workspace.peaks, &mut workspace.candidates);
        candidates.gather_top(logits, peaks, self.top_k, self.logit_min(weight.highest));
        let mut mass = candidates.mass(&weight);
        if self.top_p < 1.0 {
            mass = candidates.keep_mass(mass * self.top_p, &weight).unwrap_or(mass);
        }
        candidates.at_mass(unit * mass, &weight)
    }

    fn draw_of_nucleus(
        &self,
        logits: &[f32],
        unit: f64,
        weight: Weight,
        workspace: &mut SamplerWorkspace,
    ) -> Option<u32> {
        let logit_min = self.logit_min(weight.highest);
        let SamplerWorkspace { peaks, weights, candidates, .. } = workspace;
        let target = self.top_p * row::weigh(logits, logit_min, weight, weights);
        // Nearly always a few tokens hold nearly all.
        for count in [64, 512] {
            candidates.gather_some(logits, peaks, count, logit_min);
            if let Some(mass) = candidates.keep_mass(target, &weight) {
                return candidates.at_mass(unit * mass, &weight);
            }
        }
        nucleus::draw(weights, target, unit, candidates)
    }
}
