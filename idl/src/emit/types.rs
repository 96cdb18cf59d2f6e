//! Structures, unions, enums, constants.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::fields::{Owner, Siblings};
use super::names::{self, Names};
use super::scalars::{integer, integer_type};
use super::{Generator, docs};
use crate::model::{
    Arm, Constant, ConstantValue, Definition, DefinitionKind, Discriminant, EnumWidth, Field,
    NamedValue, Scalar, TypeId, Union,
};

impl Generator<'_> {
    /// All definitions that are wanted, in the order of the source.
    pub(super) fn definitions(&mut self) -> TokenStream {
        let model = self.model;
        let mut ids: Vec<_> = (0..model.definitions.len())
            .map(TypeId)
            .filter(|id| self.graph.is_wanted(*id))
            .collect();
        ids.sort_by_key(|id| model.definition(*id).span);
        let items: Vec<_> = ids
            .into_iter()
            .map(|id| {
                let definition = model.definition(id);
                match &definition.kind {
                    DefinitionKind::Structure(fields) => self.structure(id, definition, fields),
                    DefinitionKind::Union(union) => self.union(id, definition, union),
                    DefinitionKind::Enumeration { width, values } => {
                        self.enumeration(id, definition, *width, values)
                    }
                    DefinitionKind::Bitmap { bits, values } => {
                        let ty = integer_type(*bits, false);
                        self.newtype(id, definition, &ty, *bits, None, values)
                    }
                    DefinitionKind::ContextHandle => self.handle(id, definition),
                    DefinitionKind::Undefined => TokenStream::new(),
                }
            })
            .collect();
        quote!(#(#items)*)
    }

    fn type_docs(&self, id: TypeId, definition: &Definition) -> TokenStream {
        let rust = self.definition_ident(id).to_string();
        docs::of(&definition.docs, &definition.name, &rust)
    }

    /// `#[derive(…)]` of a structure or union, and where the derive finds its crate.
    fn derives(&self, id: TypeId) -> TokenStream {
        let more = self.more_derives();
        if !self.graph.is_clone(id) {
            return quote!(#[derive(Debug, Ndr #more)]);
        }
        let copy = self.graph.is_copy(id).then(|| quote!(Copy,));
        let eq = self.graph.is_eq(id).then(|| quote!(Eq,));
        quote!(#[derive(Clone, #copy Debug, PartialEq, #eq Ndr #more)])
    }

    fn structure(&mut self, id: TypeId, definition: &Definition, fields: &[Field]) -> TokenStream {
        let mut names = Names::default();
        let idents: Vec<_> = fields
            .iter()
            .map(|field| names::ident(&names.take(&names::snake(&field.name))))
            .collect();
        let siblings = Siblings {
            fields: fields
                .iter()
                .zip(&idents)
                .map(|(field, ident)| (field.name.clone(), ident.clone()))
                .collect(),
            ..Siblings::default()
        };
        let members: Vec<_> = fields
            .iter()
            .zip(&idents)
            .map(|(field, ident)| {
                self.field(field, Owner::Structure(id), &siblings, ident.clone())
                    .definition()
            })
            .collect();
        let (docs, derives) = (self.type_docs(id, definition), self.derives(id));
        let ident = self.definition_ident(id);
        quote! {
            #docs
            #derives
            #[ndr(crate = ::annulus::ndr)]
            pub struct #ident { #(#members),* }
        }
    }

    fn union(&mut self, id: TypeId, definition: &Definition, union: &Union) -> TokenStream {
        let (switch, number) = match union.discriminant {
            Discriminant::Integer { bits, signed } => {
                (integer_type(bits, signed), integer_type(bits, signed))
            }
            Discriminant::Enum16 => (quote!(enum16), quote!(u16)),
            Discriminant::V1Enum => (quote!(v1_enum), quote!(u32)),
        };
        let mut names = Names::with(&["Self"]);
        let mut variants = Vec::new();
        // The default arm is written last, where a reader looks for it.
        let (defaults, cases): (Vec<_>, Vec<_>) = union.arms.iter().partition(|arm| arm.is_default);
        for arm in cases {
            for case in 0..arm.cases.len() {
                variants.push(self.case(id, arm, case, &mut names));
            }
        }
        for arm in defaults {
            variants.push(self.default_arm(id, arm, &number, &mut names));
        }
        let encapsulated = union.is_encapsulated.then(|| quote!(encapsulated,));
        let ms_union = union.is_ms.then(|| quote!(ms_union,));
        let (docs, derives) = (self.type_docs(id, definition), self.derives(id));
        let ident = self.definition_ident(id);
        quote! {
            #docs
            #derives
            #[ndr(switch = #switch, #encapsulated #ms_union crate = ::annulus::ndr)]
            pub enum #ident { #(#variants),* }
        }
    }

    /// One case of an arm. An arm of several cases has a variant for each, as each has its
    /// discriminant.
    fn case(&mut self, id: TypeId, arm: &Arm, case: usize, names: &mut Names) -> TokenStream {
        let has_more = arm.cases.len() > 1;
        let case = &arm.cases[case];
        let label = match &case.name {
            Some(name) => name.clone(),
            None if case.value < 0 => format!("Minus{}", -case.value),
            None => case.value.to_string(),
        };
        let wanted = match &arm.body {
            Some(body) if has_more => names::camel(&format!("{}_{label}", body.name)),
            Some(body) => names::camel(&body.name),
            None if case.name.is_some() => names::camel(&label),
            None => format!("Case{label}"),
        };
        let ident = names::ident(&names.take(&wanted));
        let value = integer(case.value);
        let mut lines = docs::escaped(&arm.docs);
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let what = case.name.as_ref().unwrap_or(&label).replace("Minus", "-");
        lines.push(match &arm.body {
            Some(body) => format!("`{}`, of case `{what}`.", body.name),
            None => format!("Nothing, of case `{what}`."),
        });
        let docs = docs::lines(&lines);
        let (attributes, body) = self.arm_body(id, arm);
        let body = body.map(|ty| quote!((#ty)));
        quote!(#docs #[ndr(case = #value #(, #attributes)*)] #ident #body)
    }

    fn default_arm(
        &mut self,
        id: TypeId,
        arm: &Arm,
        number: &TokenStream,
        names: &mut Names,
    ) -> TokenStream {
        let wanted = match &arm.body {
            Some(body) => names::camel(&body.name),
            None => "Default".to_owned(),
        };
        let ident = names::ident(&names.take(&wanted));
        let mut lines = docs::escaped(&arm.docs);
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(match &arm.body {
            Some(body) => format!(
                "`{}`, of every other discriminant, which comes first.",
                body.name
            ),
            None => "Nothing, of every other discriminant, which it keeps.".to_owned(),
        });
        let docs = docs::lines(&lines);
        let (attributes, body) = self.arm_body(id, arm);
        let body = body.map(|ty| quote!(, #ty));
        quote!(#docs #[ndr(default #(, #attributes)*)] #ident(#number #body))
    }

    /// The attributes and the type of what an arm holds.
    fn arm_body(&mut self, id: TypeId, arm: &Arm) -> (Vec<TokenStream>, Option<TokenStream>) {
        let Some(body) = &arm.body else {
            return (Vec::new(), None);
        };
        let ident = names::ident(&names::snake(&body.name));
        let code = self.field(body, Owner::Arm(id), &Siblings::default(), ident);
        (code.attributes, Some(code.ty))
    }

    fn enumeration(
        &self,
        id: TypeId,
        definition: &Definition,
        width: EnumWidth,
        values: &[NamedValue],
    ) -> TokenStream {
        let (bits, attribute) = match width {
            EnumWidth::Enum16 => (16, Some(quote!(enum16))),
            EnumWidth::V1 => (32, Some(quote!(v1_enum))),
            EnumWidth::Enum8 => (8, None),
        };
        let ty = integer_type(bits, false);
        self.newtype(id, definition, &ty, bits, attribute, values)
    }

    /// A number with named values, of which peers send others too.
    fn newtype(
        &self,
        id: TypeId,
        definition: &Definition,
        ty: &TokenStream,
        bits: u8,
        attribute: Option<TokenStream>,
        values: &[NamedValue],
    ) -> TokenStream {
        let mut names = Names::default();
        let constants: Vec<_> = values
            .iter()
            .map(|value| {
                let name = names.take(&names::screaming(&value.name));
                let docs = docs::of(&value.docs, &value.name, &name);
                let name = format_ident!("{name}");
                let number = integer(value.value.rem_euclid(1i128 << bits));
                quote!(#docs pub const #name: Self = Self(#number);)
            })
            .collect();
        let attribute = attribute.map(|attribute| quote!(#attribute,));
        let ident = self.definition_ident(id);
        let mut lines = docs::text(
            &definition.docs,
            &definition.name,
            &self.definition_ident(id).to_string(),
        );
        lines.push(String::new());
        lines.push("Peers may send values that have no name here.".to_owned());
        let docs = docs::lines(&lines);
        let more = self.more_derives();
        let constants = (!values.is_empty()).then(|| quote!(impl #ident { #(#constants)* }));
        quote! {
            #docs
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Ndr #more)]
            #[ndr(#attribute crate = ::annulus::ndr)]
            pub struct #ident(pub #ty);

            #constants
        }
    }

    fn handle(&self, id: TypeId, definition: &Definition) -> TokenStream {
        let (docs, ident) = (self.type_docs(id, definition), self.definition_ident(id));
        quote!(#docs pub type #ident = ContextHandle;)
    }

    pub(super) fn constants(&mut self) -> TokenStream {
        let model = self.model;
        let constants: Vec<_> = model
            .constants
            .iter()
            .map(|constant| self.constant(constant))
            .collect();
        quote!(#(#constants)*)
    }

    fn constant(&mut self, constant: &Constant) -> TokenStream {
        let name = self.names.take(&names::screaming(&constant.name));
        let docs = docs::of(&constant.docs, &constant.name, &name);
        let ident = names::ident(&name);
        match &constant.value {
            ConstantValue::Boolean(value) => quote!(#docs pub const #ident: bool = #value;),
            ConstantValue::String(text) => quote!(#docs pub const #ident: &str = #text;),
            ConstantValue::Integer { value, ty } => {
                let ty = match ty {
                    Scalar::Integer { bits, signed } => integer_type(*bits, *signed),
                    _ => quote!(u8),
                };
                let value = integer(*value);
                quote!(#docs pub const #ident: #ty = #value;)
            }
        }
    }
}
