//! The function of `workload_to_resource_function`, called during the assembly.

use starlark::environment::Module;
use starlark::eval::Evaluator;
use starlark::values::OwnedFrozenValue;

use super::evaluate::limit;
use super::failure::Failure;
use super::globals;
use super::session::{ModuleState, Session};
use crate::devfile::assemble::{NameWorkloads, id_text};
use crate::devfile::values::workload_id::WorkloadId;
use crate::diagnostic::{Diagnostic, Span};
use crate::k8s::ObjectId;

/// A function of the configuration that names workloads.
pub(crate) struct WorkloadFunction {
    function: OwnedFrozenValue,
    span: Span,
    session: Session,
}

impl WorkloadFunction {
    /// The one that the files of a run have asked for last, once they have been executed.
    pub fn of(session: &Session) -> Option<Self> {
        let call = session.state().workload_function.clone()?;
        let Some(ModuleState::Done(module)) = session.module(&call.file) else { return None };
        let function = globals::kept(&module)?;
        Some(Self { function, span: call.span, session: session.for_assembly() })
    }

    /// What the function's calls have reported: warnings.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.session.into_parts().1
    }

    fn call(&self, workload: &ObjectId) -> starlark::Result<String> {
        Module::with_temp_heap(|module| {
            let heap = module.heap();
            let function = heap.access_owned_frozen_value(&self.function);
            let mut eval = Evaluator::new(&module);
            eval.extra = Some(&self.session);
            limit(&mut eval, &self.session)?;
            let id = heap.alloc(WorkloadId(workload.clone()));
            let name = eval.eval_function(function, &[id], &[])?;
            name.unpack_str().map(str::to_owned).ok_or_else(|| {
                let got = if name.is_none() { "None" } else { name.get_type() };
                Failure::new(format!("the function returns {got}, want string")).at(self.span.clone()).into()
            })
        })
    }
}

impl NameWorkloads for WorkloadFunction {
    fn span(&self) -> &Span {
        &self.span
    }

    fn name(&self, workload: &ObjectId) -> Result<String, Box<Diagnostic>> {
        self.call(workload).map_err(|error| {
            let failure = self.session.bounds.explain(error.into());
            let context = format!("`workload_to_resource_function`, for `{}`", id_text(workload));
            let mut diagnostic = failure.context(&context).into_diagnostic();
            if diagnostic.primary.as_ref().is_none_or(|place| *place != self.span) {
                diagnostic = diagnostic.related(self.span.clone(), "the function is given here");
            }
            if diagnostic.primary.is_none() {
                diagnostic = diagnostic.at(self.span.clone());
            }
            Box::new(diagnostic)
        })
    }
}
