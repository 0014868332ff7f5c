//! A made-up company that sells software by subscription, and the extracts of its systems: something to try Roster on.
//!
//! Behind each customer stands a character that nobody sees. Usage, tickets, payment, ratings and leaving come from it,
//! each with noise of its own; nothing here knows how the reference project scores any of that.

mod account;
mod calendar;
mod contract;
mod copies;
mod dice;
mod leaving;
mod money;
mod table;
#[cfg(test)]
mod tests;
mod usage;
mod voice;
mod words;

use std::io;
use std::path::Path;

use account::Account;

/// A company with 18 months of history, from 2025-01-01 to 2026-06-30.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Company {
    /// Customers that it has or had.
    pub accounts: usize,
    /// Another seed is another company; the same one is the same to the byte.
    pub seed: u64,
    /// Whether the usage of most who leave falls 30 to 60 days before. If not, who leaves and when has nothing to do
    /// with anything that can be observed.
    pub churn_shows: bool,
}

impl Company {
    /// Writes all extracts to `<extracts>/<table>/`, and tells `progress` each table that is done, with its rows.
    ///
    /// # Errors
    /// A folder or file that can not be written.
    pub fn write(&self, extracts: &Path, progress: &mut dyn FnMut(&str, u64)) -> io::Result<()> {
        let csms = copies::draw_csms(self.seed, self.accounts);
        let choose =
            |dice: &mut dice::Dice, region: &'static str| copies::choose_csm(&csms, dice, region);
        let accounts: Vec<Account> = (0..self.accounts)
            .map(|number| {
                Account::draw(self.seed, number, self.accounts, self.churn_shows, &choose)
            })
            .collect();
        let seed = self.seed;
        progress("accounts", copies::accounts(extracts, &accounts, &csms)?);
        progress("subscriptions", copies::subscriptions(extracts, &accounts)?);
        progress("plan_features", copies::plan_features(extracts)?);
        progress("csms", copies::csms(extracts, &csms)?);
        progress("overrides", copies::overrides(extracts, seed, &accounts, &csms)?);
        progress("invoices", money::invoices(extracts, seed, &accounts)?);
        progress("orders", money::orders(extracts, seed, &accounts)?);
        progress("costs", money::costs(extracts, seed, &accounts)?);
        progress("fx_rates", money::fx_rates(extracts, seed)?);
        progress("tickets", voice::tickets(extracts, seed, &accounts)?);
        progress("surveys", voice::surveys(extracts, seed, &accounts)?);
        progress("usage_events", usage::write(extracts, seed, &accounts)?);
        Ok(())
    }
}
